"""The run that is at work, the last one that ended, and how long a run takes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from service.backend.page import terms
from service.backend.page.terms import Word
from service.runs.run import Run
from service.versions.judgement import Decision
from service.versions.lineage import Lineage
from service.versions.verdict import Verdict

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

RUNS_COUNTED = 5
"""How long a run takes is the median of so many of the last ones that made a version."""


class Active(NamedTuple):
    """A run at work."""

    run: Run
    phase: str
    detail: str
    """Why it waits, or what it does."""


class Ended(NamedTuple):
    """How the last run ended."""

    run: Run
    word: Word
    interval: str
    """How its version differs from the live one, as a sentence; empty where nothing was measured."""
    changed_nothing: bool
    """Whether the version that was live before it still is."""
    reason: str
    has_report: bool


class Training(NamedTuple):
    """Training runs in short."""

    active: Active | None
    ended: Ended | None
    expected: str
    """How long a run takes, in words; empty while none has made a version."""
    declined: str
    """Why no run was started without a click; empty where that is no question."""
    is_due: bool
    """Whether a run starts when annotators have become quiet."""
    said: str
    """The phase or the outcome, to be read aloud when it changes."""


def training(supervisor: Supervisor, runs: Sequence[Run]) -> Training:
    """What is known of runs; `runs` has the newest first."""
    at_work = next((run for run in runs if not run.ended), None)
    last = next((run for run in runs if run.ended), None)
    active = Active(at_work, terms.PHASES[at_work.phase], at_work.waits or at_work.detail) if at_work else None
    ended = _ended(supervisor, last) if last else None
    return Training(
        active=active,
        ended=ended,
        expected=_expected(runs),
        declined=supervisor.retraining.declined,
        is_due=supervisor.retraining.waiting,
        said=f"Training: {active.phase}" if active else f"Training: {ended.word.text}" if ended else "",
    )


def _ended(supervisor: Supervisor, run: Run) -> Ended:
    lineage = supervisor.lineage(run.version)
    return Ended(
        run=run,
        word=terms.outcome(run, lineage, supervisor.rollout.version),
        interval=_interval(lineage) if lineage and run.outcome != "nothing new" else "",
        changed_nothing=run.outcome != "promoted",
        reason=_reason(run, lineage, supervisor.verdicts.of(run.version)),
        has_report=bool(lineage and lineage.report),
    )


def _interval(lineage: Lineage) -> str:
    short = lineage.verdict
    if short is None:
        return ""
    change, low, high = (terms.signed(one) for one in (short.difference, short.low, short.high))
    return (
        f"F1 {change} against the version before it (95 %: {low} to {high}), on {short.texts} texts with "
        f"{short.spans} annotated spans."
    )


def _reason(run: Run, lineage: Lineage | None, verdict: Verdict | None) -> str:
    """Why a run ended so, in a sentence or two. Of a version that was judged again, only the run knows that."""
    short = lineage.verdict if lineage else None
    if run.outcome == "promoted" and short and short.decision is Decision.PROMOTE:
        return f"It is better with a probability of {short.probability:.2f}; {short.needed:.2f} was needed."
    if run.outcome == "held" and verdict and verdict.causes and verdict.decision is not Decision.PROMOTE:
        return f"{verdict.causes[0].reason} {verdict.causes[0].suggestion}"
    return run.message


def _expected(runs: Sequence[Run]) -> str:
    made = [run.worked for run in runs if run.outcome in ("promoted", "held") and run.worked][:RUNS_COUNTED]
    if not made:
        return ""
    if len(made) == 1:
        return f"The last run took {terms.duration(made[0])}."
    return f"A run takes about {terms.duration(median(made))}: the last {len(made)} took so long."
