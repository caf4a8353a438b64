"""How long the rest of a run takes, by what this run's own work has taken so far.

A run reads texts with a model and takes steps of the optimizer. Both are timed while it does them: the base model is
scored before the tuning, and the first steps tell what the others take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

from training.tune import TuningProgress

UNMEASURED_STEPS = 5
"""The first steps of a process take longer: kernels are compiled and memory is taken."""
FEWEST_MEASURED = 15
"""Steps that are timed before the rest is told. Batches of unlike length take unlike times."""
STEPS_AVERAGED = 100
"""The latest steps count: a machine may become busier."""


class Pace:
    """The pace of a run in one process, and what is left of its work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds_a_character = 0.0
        self._steps: deque[float] = deque(maxlen=STEPS_AVERAGED)
        self._unmeasured = UNMEASURED_STEPS
        self._evaluation = 0.0
        self._began = self._last = 0.0
        self._progress: TuningProgress | None = None
        self._first = 0
        self._evaluated = 0.0
        self._more = self._tunings = 0
        self._evaluations = self._choices = 0
        self.choices = self.judging = 0.0
        """Characters that models read after tunings to choose and, after the last one, to judge."""
        self.curve_steps = 0
        """Steps of the tunings by which the run measures its learning curve, after all else; 0 if it does not."""

    def read(self, characters: int, seconds: float) -> None:
        """A model has read texts with so many characters."""
        self._seconds_a_character = seconds / max(characters, 1)

    @property
    def has_read(self) -> bool:
        """Whether it is known how long reading takes."""
        return self._seconds_a_character > 0

    def begin(self, validation: int, choices: int, judging: int) -> None:
        """A learning begins. In characters: what an evaluation reads, and what is read after the tunings."""
        self._evaluation = validation * self._seconds_a_character
        self._choices = self.choices = choices
        self.judging = judging
        self._more = self._tunings = self._evaluations = 0
        self._progress = None
        self._began = self._last = self._clock()

    def tuning(self, more: int) -> None:
        """One of several tunings of as many steps begins; so many come after it."""
        if self._progress:
            self._progress, self._first = replace(self._progress, step=0), 0
        self._more = more
        self._tunings = max(self._tunings, more + 1)
        self._unmeasured = max(self._unmeasured, 1)
        self._last = self._clock()

    def stepped(self, progress: TuningProgress) -> None:
        """The tuning has done a step, and the evaluation after it if one was due."""
        took, before = self._clock() - self._last, self._progress
        self._first = self._first if before else progress.step - 1
        self._last += took
        if before and progress.evaluations_left < before.evaluations_left and self._steps:
            self._evaluation = max(took - mean(self._steps), 0.0)
        elif self._unmeasured:
            self._unmeasured -= 1
        else:
            self._steps.append(took)
        self._progress, self._evaluated = progress, 0.0
        self._evaluations = max(self._evaluations, progress.evaluations_left)

    def evaluating(self, share: float) -> None:
        """So much of the present evaluation is done."""
        self._evaluated = share

    def end(self) -> None:
        """A tuning has ended, perhaps before its last step."""
        if self._progress:
            self._progress = replace(self._progress, step=self._progress.steps, evaluations_left=0)

    @property
    def is_known(self) -> bool:
        """Whether enough steps are timed to tell what is left."""
        return len(self._steps) >= FEWEST_MEASURED

    @property
    def left(self) -> float | None:
        """About how many seconds the run still takes; None until that is known."""
        if not self.is_known:
            return None
        return self._tuning_left + self._seconds_a_character * self.judging + (self.curve or 0.0)

    @property
    def curve(self) -> float | None:
        """About how many seconds the measuring of the curve takes: for each step as long as this learning, with all
        that it reads. None until that is known."""
        if not self.is_known or not self._progress:
            return None
        reading = self._evaluations * self._evaluation + self._seconds_a_character * self._choices
        return self.curve_steps * (mean(self._steps) + reading / self._progress.steps)

    @property
    def share(self) -> float:
        """The share of all tunings, and of the choices after them, that is done; 0 to 1, by time."""
        if not self.is_known:
            return self._steps_done
        passed = self._clock() - self._began
        return passed / max(passed + self._tuning_left, 1e-9)

    @property
    def step(self) -> int:
        """The steps of the present tuning that are done."""
        return self._progress.step if self._progress else 0

    def steps(self, seconds: float) -> int:
        """The steps that the present tuning and each that comes after it may have for the run to end in so many
        seconds, in which models also read all that they are to read. Call this once `is_known`."""
        rest = self._evaluations_left + self._seconds_a_character * (self.choices + self.judging)
        return int((self.step + (seconds - rest) / mean(self._steps)) / (1 + self._more))

    def portion(self, characters: int) -> float:
        """The share of what is left of the tunings and the choices that the reading of so many characters takes."""
        if self.is_known:
            return self._seconds_a_character * characters / max(self._tuning_left, 1e-9)
        return 0.0 if self._more else characters / max(self.choices, 1)

    @property
    def _steps_done(self) -> float:
        """The share of the steps of this process that is done."""
        progress = self._progress
        here = (progress.step - self._first) / max(progress.steps - self._first, 1) if progress else 0.0
        return (self._tunings - 1 - self._more + here) / self._tunings if self._tunings else here

    @property
    def _tuning_left(self) -> float:
        steps_left = (1 + self._more) * self._progress.steps - self.step if self._progress else 0
        return steps_left * mean(self._steps) + self._evaluations_left + self._seconds_a_character * self.choices

    @property
    def _evaluations_left(self) -> float:
        """Seconds of the evaluations that are left."""
        number = self._progress.evaluations_left if self._progress else 0
        return max(number - self._evaluated, 0.0) * self._evaluation
