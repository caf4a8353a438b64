"""How a run tells where it stands: in its file, and on the screen of whoever started it by hand."""

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
    "rollout": (98, 100),
    "done": (100, 100),
}
"""From which percent to which each phase is of a whole run, roughly."""

SAVE_SECONDS = 0.5

log = logging.getLogger(__name__)


class Reporter:
    """Writes the run's file, at most twice a second within a phase, and draws a progress bar on a terminal."""

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
        """Begin a phase."""
        self._update(phase=phase, percent=PHASE_PERCENTS[phase][0], detail=detail)
        self._save()

    def within(self, share: float, detail: str) -> None:
        """Say how far the phase is, as a share in [0, 1]."""
        begin, end = PHASE_PERCENTS[self.run.phase]
        self._update(percent=begin + share * (end - begin), detail=detail)
        if time.monotonic() - self._written > SAVE_SECONDS:
            self._save()

    def know(self, **facts: Any) -> None:
        """Record what became known, at once."""
        self._update(**facts)
        self._save()

    def fail(self, message: str) -> None:
        """Record that the run has failed. Where not even that can be written (disk full), it is at least on the screen,
        and in what a pod leaves behind."""
        self._update(outcome="failed", message=message, detail="")
        try:
            self._save()
        except OSError as error:
            log.error("the run's file cannot be written (%s); it failed: %s", error.strerror, message)

    def close(self) -> None:
        self._bar.stop()

    def _update(self, **facts: Any) -> None:
        self.run = self.run.model_copy(update={**facts, "updated": now()})
        self._bar.update(self._line, completed=self.run.percent, phase=self.run.phase, detail=self.run.detail)

    def _save(self) -> None:
        self.runs.save(self.run)
        self._written = time.monotonic()
