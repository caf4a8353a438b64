"""What a run tells while models read and learn: how much is done, how long the rest takes, and the loss."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from service.model.told import Told
from training.dataset import Document
from training.pace import Pace
from training.progress import Reporter
from training.tune import TuningProgress

LOSS_DECAY = 0.9
"""The weight of the earlier steps in the loss that is told, an exponential average. Of single batches it jumps."""


class Course:
    """Tells a reporter how a run goes. `minutes` is the run's time budget; 0: none."""

    def __init__(self, reporter: Reporter, minutes: float) -> None:
        self.reporter = reporter
        self.minutes = minutes
        self.pace = Pace()
        self._loss = math.nan
        self._detail = ""

    @contextmanager
    def scoring(self, detail: str, documents: Sequence[Document], begin: float, end: float) -> Iterator[Told]:
        """A model is scored on documents, which takes the phase from the share `begin` to `end`."""
        size, judging = characters(documents), self.pace.judging

        def left(done: float) -> float | None:
            self.pace.judging = max(judging - done * size, 0.0)
            return self.pace.left if judging else None  # else nobody has expected that it is read

        began = time.monotonic()
        yield self.reporter.part(detail, begin, end, left)
        self.pace.read(size, time.monotonic() - began)

    def begin(self, validation: Sequence[Document], held_out: Sequence[Document], windows: int) -> None:
        """The tuning begins. The choice of the windows reads `windows` characters."""
        # The new version is judged, and beside it the champion.
        self.pace.begin(characters(validation), windows, 2 * characters(held_out))

    def stepped(self, progress: TuningProgress) -> None:
        """The tuning has done a step."""
        self.pace.stepped(progress)
        if math.isfinite(progress.loss):
            before = self._loss if math.isfinite(self._loss) else progress.loss
            self._loss = LOSS_DECAY * before + (1 - LOSS_DECAY) * progress.loss
        best = f", best F1 on validation {progress.best:.3f}" if progress.best >= 0 else ""
        self._detail = f"step {progress.step} of {progress.steps}, loss {self._loss:.2f} (smoothed){best}"
        self.reporter.within(self.pace.share, self._detail, self.pace.left)

    def evaluating(self, done: float) -> None:
        """The share of an evaluation of the tuning that is done."""
        self.pace.evaluating(done)
        detail = f"{self._detail}: scoring the validation tasks ({done:.0%})"
        self.reporter.within(self.pace.share, detail, self.pace.left)

    def last_step(self) -> int | None:
        """The step at which the tuning must end to keep the time budget; None until it is known, or without one."""
        if not self.minutes or not self.pace.is_known:
            return None
        return self.pace.steps(60 * self.minutes - self.reporter.worked)

    def choosing(self, detail: str) -> Told:
        """The tuning has ended, and the windows are chosen."""
        self.pace.end()
        windows = self.pace.windows

        def left(done: float) -> float | None:
            self.pace.windows = (1 - done) * windows
            return self.pace.left

        return self.reporter.part(detail, self.pace.share, 1.0, left)


def characters(documents: Sequence[Document]) -> int:
    """The length of all texts."""
    return sum(len(document.text) for document in documents)
