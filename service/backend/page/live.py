"""What is live now, how good it was measured to be, and what annotators' work says."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from service.backend.page.scored import Scored, at_publication, today
from service.backend.truth.standing import Standing

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


class Work(NamedTuple):
    """What annotators' work says of the live version and the one before it."""

    live: Standing | None
    before: Standing | None
    compared: datetime | None
    proposal: str
    """Why it should be rolled back; empty where it should not."""
    rolls_back: bool
    """Whether the backend does that by itself."""
    not_compared: list[str]


class Live(NamedTuple):
    """The version that answers."""

    version: str | None
    is_base: bool
    """Whether it is the base model as it came, from which no run has made it."""
    why: str
    since: datetime | None
    tasks: int
    """Number of annotated tasks that it has learnt from; 0 for the base model."""
    score: Scored | None
    can_go_back: bool
    work: Work


def live(supervisor: Supervisor) -> Live:
    """What is known of the version that answers."""
    version, history = supervisor.extractor.version, supervisor.rollout.history
    lineage = supervisor.lineage(version)
    newest = today(supervisor)
    score = newest.scored(version) if newest else None
    return Live(
        version=version,
        is_base=lineage is None and version not in {change.version for change in history.changes},
        why=history.why,
        since=history.changes[-1].at if history.changes else None,
        tasks=lineage.tasks["training"] if lineage else 0,
        score=score or (at_publication(lineage) if lineage else None),
        can_go_back=bool(history.live),
        work=_work(supervisor),
    )


def _work(supervisor: Supervisor) -> Work:
    acceptance = supervisor.acceptance
    totals = acceptance.reconciliation.totals
    return Work(
        live=acceptance.live,
        before=acceptance.before,
        compared=totals.at,
        proposal=acceptance.proposal,
        rolls_back=acceptance.rolls_back,
        not_compared=[
            f"Annotations of project {project} that are not compared with predictions: {number:,} × {why}."
            for project, reasons in totals.left_out.items()
            for why, number in reasons.most_common(5)
        ],
    )
