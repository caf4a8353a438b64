"""How versions scored: on the newest set of texts where its verdict has them, else on their own set."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.versions.lineage import Lineage
from service.versions.verdict import BASE, Quality, Scores, Verdict

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


class Scored(NamedTuple):
    """Strict micro scores of one version, each figure in [0, 1]."""

    f1: float
    recall: float
    precision: float
    texts: int
    margin: float | None
    """Half the length of the 95 % interval of F1; None where it is not known."""
    on: str
    """`held_out` or `out_of_fold`."""
    base_f1: float | None
    """That of the base model on the same texts."""


class Today(NamedTuple):
    """The newest verdict: it scored all versions that it names on one set of texts."""

    version: str
    """The version that it judged."""
    verdict: Verdict

    def scores(self, version: str | None) -> Scores | None:
        """What a version scored on the set; None if it was not scored."""
        model = self.verdict.models(self.version).get(version or "")
        return self.verdict.scores[model] if model else None

    def scored(self, version: str | None) -> Scored | None:
        """The same in short."""
        found = self.scores(version)
        if found is None or not found.texts:
            return None
        margin = self.verdict.margins.get(self.verdict.models(self.version)[version or ""])
        base = self.verdict.scores.get(BASE)
        return Scored(
            *_figures(found.micro), found.texts, margin, self.verdict.on, base.micro.strict.f1 if base else None
        )


def today(supervisor: Supervisor) -> Today | None:
    """The newest version's verdict; None where there is none, or it was not read yet."""
    newest = next(iter(supervisor.published), None)
    found = supervisor.verdicts.of(newest.version) if newest else None
    return Today(newest.version, found) if newest and found else None


def at_publication(lineage: Lineage) -> Scored:
    """What a version scored when it was published, on the texts of that day."""
    own = lineage.scores["new"]
    return Scored(own.f1, own.recall, own.precision, own.texts, None, own.on, lineage.scores["base"].f1)


def _figures(quality: Quality) -> tuple[float, float, float]:
    return quality.strict.f1, quality.strict.recall, quality.strict.precision
