"""What a run tells while models read and learn: how much is done, how long the rest takes, and the loss."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from service.model.told import Told
from training.budget import Budget
from training.dataset import Document, characters
from training.listener import Listener
from training.pace import Pace
from training.progress import Reporter
from training.trace import FILE, Trace
from training.tune import TuningProgress

LOSS_DECAY = 0.9
"""The weight of the earlier steps in the loss that is told, an exponential average. Of single batches it jumps."""


class PacedListener(Listener, ABC):
    """Hears of a learning and tells how much of its tunings and choices is done, by its pace."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.judging = 0
        """Characters that models read after the tunings and the choices: to judge and to publish."""
        self._choices: list[int] = []
        self._name = ""
        self._loss = math.nan
        self._detail = ""

    @abstractmethod
    def within(self, share: float, detail: str) -> None:
        """So much of the tunings and the choices is done, 0 to 1."""

    @abstractmethod
    def part(self, detail: str, begin: float, end: float, left: Callable[[float], float | None]) -> Told:
        """Something begins that takes them from the share `begin` to `end`. Returns what is told how much of it is
        done; `left` gives the seconds that are left by that."""

    def begin(self, tasks: int, replayed: int, validation: Sequence[Document], choices: Sequence[int]) -> None:
        self._choices = list(choices)
        self.pace.begin(characters(validation), sum(choices), self.judging)

    def tuning(self, name: str, more: int) -> None:
        self._name = f"{name}: "
        self._loss = math.nan
        self.pace.choices = sum(self._choices)
        self.pace.tuning(more)

    def stepped(self, progress: TuningProgress) -> None:
        self.pace.stepped(progress)
        if math.isfinite(progress.loss):
            before = self._loss if math.isfinite(self._loss) else progress.loss
            self._loss = LOSS_DECAY * before + (1 - LOSS_DECAY) * progress.loss
        best = f", best F1 on validation {progress.best:.3f}" if progress.best >= 0 else ""
        step = f"step {progress.step} of {progress.steps}"
        self._detail = f"{self._name}{step}, loss {self._loss:.2f} (smoothed){best}"
        self.within(self.pace.share, self._detail)

    def evaluating(self, done: float) -> None:
        self.pace.evaluating(done)
        self.within(self.pace.share, f"{self._detail}: scoring the validation tasks ({done:.0%})")

    def choosing(self, detail: str) -> Told:
        self.pace.end()
        self.pace.choices = choices = sum(self._choices)
        size, begin = self._choices.pop(0), self.pace.share

        def left(done: float) -> float | None:
            self.pace.choices = max(choices - done * size, 0.0)
            return self.pace.left

        return self.part(detail, begin, begin + (1 - begin) * min(self.pace.portion(size), 1.0), left)


class Course(PacedListener):
    """Tells a reporter how a run goes."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(Pace())
        self.reporter = reporter
        self.budget: Budget | None = None
        """The run's time budget, if it has one."""
        self.trace = Trace(reporter.runs.work(reporter.run.id) / FILE)

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

    def within(self, share: float, detail: str) -> None:
        self.reporter.within(share, detail, self.pace.left)

    def part(self, detail: str, begin: float, end: float, left: Callable[[float], float | None]) -> Told:
        return self.reporter.part(detail, begin, end, left)

    def remembering(self) -> Told:
        self.reporter.enter("replay")
        return self.reporter.part("the base model reads the sentences that tell what is forgotten")

    def begin(self, tasks: int, replayed: int, validation: Sequence[Document], choices: Sequence[int]) -> None:
        self.reporter.enter("tune", f"{tasks} tasks, {replayed} texts replayed")
        super().begin(tasks, replayed, validation, choices)

    def stepped(self, progress: TuningProgress) -> None:
        super().stepped(progress)
        self.trace.add(progress.step, progress.steps, self._loss, progress.best)

    def last_step(self) -> int | None:
        if self.budget is None:
            return None
        if self.budget.steps is None and self.pace.is_known:
            seconds = 60 * self.budget.minutes - self.reporter.worked
            self.budget.decide(self.pace.steps(seconds), self.pace.step)
        return self.budget.steps
