"""What few people need each day: all runs, pre-labellings, how the live version was made, what each label is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from service.backend.page import terms
from service.backend.page.terms import Word
from service.model import reading
from service.model.facts import FactsError
from service.model.reading import Overlap
from service.model.spans import TOLD
from service.prelabel.progress import Prelabelling
from service.runs.run import Run

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

RUNS_SHOWN = 10
PRELABELLINGS_SHOWN = 20


class RunRow(NamedTuple):
    """One run."""

    run: Run
    phase: str
    word: Word | None
    """How it ended; None while it is at work."""
    log: str
    """Where its log is, in words."""
    has_left_out: bool
    """Whether there is a list of annotated spans that it did not learn."""


class Made(NamedTuple):
    """Why the live version is live and how it was made, as sentences, and its thresholds by label."""

    sentences: list[str]
    thresholds: dict[str, float]


class Details(NamedTuple):
    """The facts of the last part of the page."""

    runs: list[RunRow]
    prelabellings: list[tuple[Prelabelling, bool]]
    """Each with whether a process is at work on it."""
    made: Made
    asked: dict[int, Sequence[tuple[str, str]]]
    """By project, each label with the words that the model is asked with."""


def details(supervisor: Supervisor, runs: Sequence[Run], overlap: Overlap | None) -> Details:
    """What is known; `runs` has the newest first, and `overlap` is that of the version that answers."""
    asked = {project: supervisor.wordings.of(project) for project in supervisor.projects.ids}
    return Details(
        runs=[_run(supervisor, run) for run in runs[:RUNS_SHOWN]],
        prelabellings=[
            (one, supervisor.prelabeller.is_alive(one)) for one in supervisor.prelabeller.all()[:PRELABELLINGS_SHOWN]
        ],
        made=_made(supervisor, overlap),
        asked={project: pairs for project, pairs in asked.items() if pairs},
    )


def overlap_of(supervisor: Supervisor) -> Overlap | None:
    """How spans of the version that answers may overlap; None where the base model's directory cannot tell."""
    lineage = supervisor.lineage(supervisor.extractor.version)
    if lineage:
        return lineage.overlap
    try:
        return reading.read(Path(supervisor.settings.model)).overlap
    except FactsError:
        return None


def _run(supervisor: Supervisor, run: Run) -> RunRow:
    lineage = supervisor.lineage(run.version)
    word = terms.outcome(run, lineage, supervisor.rollout.version) if run.ended else None
    log = supervisor.retraining.log_of(run.id)
    return RunRow(run, terms.phase(run), word, log, supervisor.runs.left_out(run.id) is not None)


def _made(supervisor: Supervisor, overlap: Overlap | None) -> Made:
    lineage = supervisor.lineage(supervisor.extractor.version)
    why, own = supervisor.rollout.history.why, f"{TOLD[overlap]}." if overlap else ""
    if lineage is None:
        return Made([one for one in (why, own) if one], {})
    calibrated = lineage.calibrated
    told = [
        why,
        lineage.overlap_why or own,
        lineage.blend.told() if lineage.blend else "",
        lineage.forgetting.told() if lineage.forgetting else "",
        calibrated.why if calibrated else "",
    ]
    return Made([one for one in told if one], dict(calibrated.calibration.thresholds) if calibrated else {})
