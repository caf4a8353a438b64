"""How well the live version finds each label, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.backend.page.scored import today
from service.runs.curve import LearningCurve
from service.versions.lineage import Lineage
from service.versions.verdict import BASE, Quality

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

FEWEST_SPANS = 10
"""Of fewer annotated spans a label's figures tell little: the standard error of a recall of one half is .16."""
WORSE = 0.05
"""F1 below the base model's from which on a label counts as worse."""
GOOD = 0.8
LOW = 0.5


class Label(NamedTuple):
    """One label, on the texts that judged."""

    name: str
    f1: float
    base_f1: float | None
    recall: float | None
    """None where only F1 is known."""
    precision: float | None
    support: int
    """Annotated spans."""
    advice: str


def labels(supervisor: Supervisor, curve: LearningCurve | None) -> list[Label]:
    """The labels of the version that answers, those with most annotated spans first; none before the first run."""
    version, newest = supervisor.extractor.version, today(supervisor)
    most_wanted = curve.wanted if curve else ""
    scores = newest.scores(version) if newest else None
    if newest and scores:
        base = newest.verdict.scores[BASE].labels if BASE in newest.verdict.scores else {}
        found = [_measured(name, one, base.get(name), name == most_wanted) for name, one in scores.labels.items()]
    else:
        lineage = supervisor.lineage(version)
        found = _published(lineage, most_wanted) if lineage else []
    return sorted(found, key=lambda one: (-one.support, one.name))


def _measured(name: str, own: Quality, base: Quality | None, is_wanted: bool) -> Label:
    f1, recall, precision = own.strict.f1, own.strict.recall, own.strict.precision
    before = base.strict.f1 if base else None
    return Label(name, f1, before, recall, precision, own.support, _advice(own, before, is_wanted))


def _published(lineage: Lineage, most_wanted: str) -> list[Label]:
    """The labels by what is kept of each version: F1 and the number of spans."""
    new, base = lineage.scores["new"], lineage.scores["base"]
    return [
        Label(
            name,
            f1,
            base.per_label.get(name),
            None,
            None,
            new.support.get(name, 0),
            WANTED if name == most_wanted else "",
        )
        for name, f1 in new.per_label.items()
    ]


WANTED = "More tasks with it help most."


def _advice(own: Quality, base_f1: float | None, is_wanted: bool) -> str:
    """What a person can do for a label, in a sentence."""
    found = own.strict
    if own.support < FEWEST_SPANS:
        return "Too few to tell: annotate more tasks with it."
    if base_f1 is not None and found.f1 < base_f1 - WORSE:
        return "The base model was better: check its annotations."
    if is_wanted:
        return WANTED
    if found.f1 >= GOOD:
        return "Good."
    if found.recall < LOW and found.recall <= found.precision:
        return "It misses many: annotate more tasks with it."
    if found.precision < LOW:
        return "It marks too much: raise its threshold, or agree on what it means."
    return "Fair: more tasks may help."
