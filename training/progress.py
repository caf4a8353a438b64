"""The progress of a run: written to the run's file and, in a terminal, drawn as a progress bar."""

from __future__ import annotations

import logging
import time
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service.runs.files import Runs
from service.runs.run import Phase, Run, now

PHASE_PERCENTS: dict[Phase, tuple[float, float]] = {
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
"""The part of the whole run that each phase takes: begin and end in percent, estimated."""

SAVE_SECONDS = 0.5
"""Least seconds between two writes of the run's file within a phase."""

log = logging.getLogger(__name__)


class Reporter:
    """Writes the run's file and, if `bar`, draws a progress bar."""

    def __init__(self, runs: Runs, run: Run, bar: bool) -> None:
        self.runs = runs
        self.run = run
        self._written = 0.0
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

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Begin a phase and write the file."""
        self._update(phase=phase, percent=PHASE_PERCENTS[phase][0], detail=detail)
        self._save()

    def within(self, share: float, detail: str) -> None:
        """Set the progress of the phase: `share` is in [0, 1]."""
        begin, end = PHASE_PERCENTS[self.run.phase]
        self._update(percent=begin + share * (end - begin), detail=detail)
        if time.monotonic() - self._written > SAVE_SECONDS:
            self._save()

    def record(self, **facts: Any) -> None:
        """Set fields of the run and write the file at once."""
        self._update(**facts)
        self._save()

    def fail(self, message: str) -> None:
        """Record that the run has failed. If the file cannot be written (disk full), the message goes to the log, and
        the pod's termination message still has it."""
        self._update(outcome="failed", message=message, detail="")
        try:
            self._save()
        except OSError as error:
            log.error("the run failed, and its file cannot be written (%s): %s", error.strerror, message)

    def close(self) -> None:
        self._bar.stop()

    def _update(self, **facts: Any) -> None:
        self.run = self.run.model_copy(update={**facts, "updated": now()})
        self._bar.update(self._line, completed=self.run.percent, phase=self.run.phase, detail=self.run.detail)

    def _save(self) -> None:
        self.runs.save(self.run)
        self._written = time.monotonic()
