"""The versions on the newest set of texts, and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from service.backend.page import terms
from service.backend.page.live import unlisted
from service.backend.page.scored import Scored, at_publication, today
from service.versions.lineage import Lineage
from service.versions.names import version_of
from service.versions.verdict import BASE

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


class Row(NamedTuple):
    """One version."""

    lineage: Lineage
    verdict: str
    now: Scored | None
    """On today's set; None if it was not scored there."""
    then: Scored
    """When it was published, on its own set."""
    is_live: bool
    was_given_up: bool


class VersionsFacts(NamedTuple):
    """All versions, the newest first."""

    rows: list[Row]
    unknown: str
    """Why it is not known which there are, as a sentence; empty where it is known."""
    texts: int
    """Number of texts in today's set; 0 where there is none."""
    base: Scored | None
    """The base model on today's set."""
    previous: str
    """The version that a rollback brings back; empty for the base model."""
    can_go_back: bool
    plot: dict[str, Any] | None
    """What is drawn: columns of the same length, `at` ascending in seconds since the epoch. None of fewer than two."""


def versions(supervisor: Supervisor) -> VersionsFacts:
    """The published versions with their scores."""
    newest, history = today(supervisor), supervisor.rollout.history
    given_up = {version_of(reference) for reference in history.given_up}
    rows = [
        Row(
            lineage=lineage,
            verdict=terms.verdict(lineage),
            now=newest.scored(lineage.version) if newest else None,
            then=at_publication(lineage),
            is_live=lineage.version == supervisor.extractor.version,
            was_given_up=lineage.version in given_up,
        )
        for lineage in supervisor.published
    ]
    base = newest.scored(newest.verdict.versions.get(BASE)) if newest else None
    return VersionsFacts(
        rows=rows,
        unknown=unlisted(supervisor),
        texts=newest.verdict.scores["new"].texts if newest and "new" in newest.verdict.scores else 0,
        base=base,
        previous=version_of(history.previous),
        can_go_back=bool(history.live),
        plot=_plot(rows, base) if len(rows) > 1 else None,
    )


def _plot(rows: list[Row], base: Scored | None) -> dict[str, Any]:
    oldest_first = rows[::-1]
    return {
        "at": [row.lineage.created.timestamp() for row in oldest_first],
        "now": [row.now.f1 if row.now else None for row in oldest_first],
        "then": [row.then.f1 for row in oldest_first],
        "base": [base.f1 if base else None for _ in oldest_first],
    }
