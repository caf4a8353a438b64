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
    """The live version."""

    version: str | None
    answers: bool
    """Whether it answers at present, or wakes when it is asked."""
    is_base: bool
    """Whether it is the base model as it came, from which no run has made it."""
    why: str
    since: datetime | None
    tasks: int
    """Number of annotated tasks that it has learnt from; 0 for the base model."""
    score: Scored | None
    unknown: str
    """Why its details are not known, as a sentence; empty where they are."""
    can_go_back: bool
    work: Work


def live(supervisor: Supervisor) -> Live:
    """What is known of the live version."""
    version, history = supervisor.extractor.version, supervisor.rollout.history
    lineage = supervisor.lineage(version)
    newest = today(supervisor)
    score = newest.scored(version) if newest else None
    return Live(
        version=version,
        answers=supervisor.answers or supervisor.rests,
        is_base=lineage is None and version not in {change.version for change in history.changes},
        why=history.why,
        since=history.changes[-1].at if history.changes else None,
        tasks=lineage.tasks["training"] if lineage else 0,
        score=score or (at_publication(lineage) if lineage else None),
        unknown=unlisted(supervisor),
        can_go_back=bool(history.live),
        work=_work(supervisor),
    )


def unlisted(supervisor: Supervisor) -> str:
    """Why the published versions are not known, as a sentence; empty where the registry has told them."""
    registry = supervisor.dependencies.get("registry")
    if registry is None or supervisor.published or registry.state.is_up:
        return ""
    if registry.state.since is None:
        return "The registry, which has the details, is being asked."
    return f"The registry, which has the details, was not reached since {registry.state.since:%Y-%m-%d %H:%M} UTC."


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
