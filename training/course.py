"""What a run tells while models read and learn: how much is done, how long the rest takes, and the loss."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from service.model.told import Told
from training.dataset import Document, characters
from training.listener import Listener
from training.pace import Pace
from training.progress import Reporter
from training.trace import FILE, Trace
from training.tune import TuningProgress

LOSS_DECAY = 0.9
"""The weight of the earlier steps in the loss that is told, an exponential average. Of single batches it jumps."""


class Course(Listener):
    """Tells a reporter how a run goes. `minutes` is the run's time budget; 0: none."""

    def __init__(self, reporter: Reporter, minutes: float) -> None:
        self.reporter = reporter
        self.minutes = minutes
        self.pace = Pace()
        self.judging = 0
        """Characters that models read to judge, after the tuning."""
        self.trace = Trace(reporter.runs.work(reporter.run.id) / FILE)
        self._choices: list[int] = []
        self._name = ""
        self._loss = math.nan
        self._detail = ""

    @contextmanager
    def scoring(self, detail: str, documents: Sequence[Document], begin: float, end: float) -> Iterator[Told]:
        """A model is scored on documents, which takes the phase from the share `begin` to `end`."""
        size, began = characters(documents), time.monotonic()
        yield self.reading(detail, size, begin, end)
        self.pace.read(size, time.monotonic() - began)

    def reading(self, detail: str, size: int, begin: float, end: float) -> Told:
        """A model reads so many characters, which takes the phase from the share `begin` to `end`."""
        judging = self.pace.judging

        def left(done: float) -> float | None:
            self.pace.judging = max(judging - done * size, 0.0)
            return self.pace.left if judging else None  # else nobody has expected that it is read

        return self.reporter.part(detail, begin, end, left)

    def remembering(self) -> Told:
        self.reporter.enter("replay")
        return self.reporter.part("the base model reads the sentences that tell what is forgotten")

    def begin(self, tasks: int, replayed: int, validation: Sequence[Document], choices: Sequence[int]) -> None:
        self.reporter.enter("tune", f"{tasks} tasks, {replayed} texts replayed")
        self._choices = list(choices)
        self.pace.begin(characters(validation), sum(choices), self.judging)

    def tuning(self, name: str, more: int) -> None:
        self._name = f"{name}: "
        self._loss = math.nan
        self.pace.tuning(more)

    def stepped(self, progress: TuningProgress) -> None:
        self.pace.stepped(progress)
        if math.isfinite(progress.loss):
            before = self._loss if math.isfinite(self._loss) else progress.loss
            self._loss = LOSS_DECAY * before + (1 - LOSS_DECAY) * progress.loss
        self.trace.add(progress.step, progress.steps, self._loss, progress.best)
        best = f", best F1 on validation {progress.best:.3f}" if progress.best >= 0 else ""
        step = f"step {progress.step} of {progress.steps}"
        self._detail = f"{self._name}{step}, loss {self._loss:.2f} (smoothed){best}"
        self.reporter.within(self.pace.share, self._detail, self.pace.left)

    def evaluating(self, done: float) -> None:
        self.pace.evaluating(done)
        detail = f"{self._detail}: scoring the validation tasks ({done:.0%})"
        self.reporter.within(self.pace.share, detail, self.pace.left)

    def last_step(self) -> int | None:
        if not self.minutes or not self.pace.is_known:
            return None
        return self.pace.steps(60 * self.minutes - self.reporter.worked)

    def choosing(self, detail: str) -> Told:
        self.pace.end()
        size, choices, begin = self._choices.pop(0), self.pace.choices, self.pace.share
        end = begin + (1 - begin) * size / choices if self._choices and choices else 1.0

        def left(done: float) -> float | None:
            self.pace.choices = max(choices - done * size, 0.0)
            return self.pace.left

        return self.reporter.part(detail, begin, end, left)
