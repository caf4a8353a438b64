"""The progress of a run: written to the run's file and its log or, in a terminal, drawn as a progress bar."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service.runs.files import Runs
from service.runs.run import Phase, Run, now

Percents = Mapping[Phase, tuple[float, float]]
"""The part of the whole run that each phase takes: begin and end in percent, estimated."""

PHASE_PERCENTS: Percents = {
    "waiting": (0, 0),
    "export": (1, 4),
    "dataset": (4, 6),
    "replay": (6, 12),
    "tune": (12, 85),
    "judge": (85, 93),
    "publish": (93, 98),
    "rollout": (98, 99),
    "curve": (99, 100),
    "done": (100, 100),
}
"""Of a run that measures no learning curve."""

PERCENTS_WITH_CURVE: Percents = {
    "waiting": (0, 0),
    "export": (1, 4),
    "dataset": (4, 6),
    "replay": (6, 8),
    "tune": (8, 36),
    "judge": (36, 38),
    "publish": (38, 39),
    "rollout": (39, 40),
    "curve": (40, 100),
    "done": (100, 100),
}
"""Of a run that measures one: by three tunings, which take 1.5 to 3 times as long as the version's own."""

PERCENTS_OF_CURVE: Percents = {"waiting": (0, 0), "export": (1, 4), "dataset": (4, 6), "curve": (6, 100)}
"""Where the curve alone is measured, by hand."""

SAVE_SECONDS = 0.5
"""Least seconds between two writes of the run's file within a phase."""
LOG_SECONDS = 30.0
"""Least seconds between two lines of the log within a part of a phase."""

log = logging.getLogger(__name__)


class Reporter:
    """Writes the run's file and its log or, if `bar`, draws a progress bar instead of the log's lines.

    A run that is resumed does again what came before its checkpoint. So what this process does fills the part of the
    percents that an earlier one left: they never fall, and they tell the truth about what is still to do.
    """

    def __init__(self, runs: Runs, run: Run, bar: bool) -> None:
        self.runs = runs
        self.run = run
        self.percents = PHASE_PERCENTS
        self._reached = min(run.percent, 100.0)
        self._began = time.monotonic()
        self._worked = run.worked
        self._written = self._logged = 0.0
        self._has_bar = bar
        self._bar = Progress(
            TextColumn("{task.fields[phase]:<8}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            disable=not bar,
        )
        self._line = self._bar.add_task("run", total=100, phase=run.phase, detail="")
        self._bar.start()

    @property
    def worked(self) -> float:
        """Seconds that the run has worked, in this process and in earlier ones."""
        return self._worked + time.monotonic() - self._began

    def enter(self, phase: Phase, detail: str = "", seconds_left: float | None = None) -> None:
        """Begin a phase and write the file. `seconds_left` is what the run still takes, if known."""
        percent = self._percent(self.percents[phase][0])
        self._update(phase=phase, percent=percent, detail=detail, seconds_left=seconds_left)
        self._save()
        if detail:  # else a part of the phase tells
            self._log()

    def within(self, share: float, detail: str, seconds_left: float | None = None) -> None:
        """Set the progress of the phase: `share` is in [0, 1]."""
        self._move(share, detail, seconds_left)
        if time.monotonic() - self._written > SAVE_SECONDS:
            self._save()
        if time.monotonic() - self._logged > LOG_SECONDS:
            self._log()

    def part(
        self,
        detail: str,
        begin: float = 0.0,
        end: float = 1.0,
        left: Callable[[float], float | None] = lambda done: None,
    ) -> Callable[[float], None]:
        """Begin a part of the phase, which takes it from the share `begin` to `end`, and write the file.

        Returns what is to be told which share of the part is done. `left` gives the seconds that the run still takes,
        by that share.
        """

        def told(done: float) -> None:
            self.within(begin + done * (end - begin), f"{detail} ({done:.0%})", left(done))

        self._move(begin, detail, left(0.0))
        self._save()
        self._log()
        return told

    def record(self, **facts: Any) -> None:
        """Set fields of the run and write the file at once."""
        self._update(**facts)
        self._save()

    def fail(self, message: str) -> None:
        """Record that the run has failed. If the file cannot be written (disk full), the message goes to the log, and
        the pod's termination message still has it."""
        self._update(outcome="failed", message=message, detail="", seconds_left=None)
        try:
            self._save()
        except OSError as error:
            log.error("the run failed, and its file cannot be written (%s): %s", error.strerror, message)

    def close(self) -> None:
        self._bar.stop()

    def _move(self, share: float, detail: str, seconds_left: float | None) -> None:
        begin, end = self.percents[self.run.phase]
        self._update(percent=self._percent(begin + share * (end - begin)), detail=detail, seconds_left=seconds_left)

    def _percent(self, done: float) -> float:
        """The percents of the run when this process has done `done` percent of a whole run."""
        return max(self.run.percent, self._reached + (1 - self._reached / 100) * done)

    def _update(self, **facts: Any) -> None:
        self.run = self.run.model_copy(update={**facts, "worked": round(self.worked, 1), "updated": now()})
        self._bar.update(self._line, completed=self.run.percent, phase=self.run.phase, detail=_told(self.run))

    def _save(self) -> None:
        self.runs.save(self.run)
        self._written = time.monotonic()

    def _log(self) -> None:
        if not self._has_bar:
            log.info("run %s, %s, %.0f %%: %s", self.run.id, self.run.phase, self.run.percent, _told(self.run))
        self._logged = time.monotonic()


def _told(run: Run) -> str:
    return "; ".join(filter(None, (run.detail, run.time_left)))
