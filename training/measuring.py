"""The last phase of a run, in which it measures its learning curve. Its version does not wait for that.

Another run may be asked for meanwhile, and then the measuring ends early. What a curve cannot be measured for is told,
and never makes a run fail: its version is published.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from service.runs.curve import LearningCurve
from training.curve import estimate
from training.pace import Pace
from training.parts import SHARES, Parts, pays, steps
from training.progress import PERCENTS_WITH_CURVE, Reporter
from training.settings import TrainingSettings
from training.split import Split
from training.tune import Diverged

log = logging.getLogger(__name__)

NOT_MEASURED = "What more tasks would bring was not measured"
MADE_WAY = "The measuring was ended early, by hand or because another run or the version's rollout needed its place."
TELLING_SHARE = 0.05
"""From this share of the measuring on, the time that it has taken tells how long the rest takes."""


class MakesWay(BaseException):
    """The measuring is to end. Like Stopped no Exception: nothing that handles errors may take it for one."""


class Measuring:
    """The measuring of one run's curve, which `is_unwanted` or a request for another run ends."""

    def __init__(
        self,
        settings: TrainingSettings,
        reporter: Reporter,
        pace: Pace,
        stopping: Callable[[], bool],
        is_unwanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`pace` is the run's, by which it is known before the measuring how long that takes.

        `stopping` says whether the process is to stop; a restart goes on with the parts that are scored.
        """
        self.parts: Parts
        """The scored parts, once the measuring is prepared."""
        self._settings = settings
        self._reporter = reporter
        self._pace = pace
        self._stopping = stopping
        self._is_unwanted = is_unwanted
        self._began = self._share = 0.0
        self._expected: float | None = None
        """Seconds that all of it takes, by the run's pace; None if that is not known."""

    def prepare(self, identity: str, parts: Split, examples: int) -> None:
        """Take up the scored parts that are kept of a run of this identity, and let the run's progress expect the
        measuring, if it measures: on shares of so many examples."""
        self.parts = Parts(self._settings, self._reporter.runs.work(self._reporter.run.id), identity, self._pace)
        if pays(self._settings, parts):
            self._reporter.percents = PERCENTS_WITH_CURVE
            share = len(parts.apart.learnt) / len([*parts.training, *parts.validation])
            learnt = (*SHARES, 1.0) if parts.folds else SHARES
            self._pace.curve_steps = sum(steps(self._settings, round(share * examples), learnt))

    def curve(self, parts: Split, spare: Sequence[str]) -> LearningCurve:
        """Measure the whole curve. Raises Stopped, MakesWay, Diverged."""
        self._began, self._expected = time.monotonic(), self._pace.curve
        self._reporter.enter("curve", "measuring what more annotated tasks would bring", self._left(0.0))
        return self.parts.curve(parts, spare, self._tell, self._stopping)

    def after(self, parts: Split, spare: Sequence[str]) -> LearningCurve | None:
        """Measure the curve of a run whose version is judged; None if the run measures none. Raises Stopped."""
        if not self.parts.begun or not pays(self._settings, parts):
            return None
        try:
            return self.curve(parts, spare)
        except MakesWay:
            return self._begun(parts)
        except Diverged:
            why = "the loss of a tuning on a part of the tasks was not finite."
            return LearningCurve(message=f"{NOT_MEASURED}: {why} The version is not affected.")
        except Exception as error:  # the version is published, so the run has not failed
            log.exception("the learning curve was not measured")
            why = f"it failed with {type(error).__name__}, and the run's log has the details."
            return LearningCurve(message=f"{NOT_MEASURED}: {why} The version is not affected.")

    def _begun(self, parts: Split) -> LearningCurve:
        """The curve through the parts that are scored."""
        if not self.parts.scored:
            return LearningCurve(message=f"{NOT_MEASURED}. {MADE_WAY}")
        found = estimate(self.parts.points(parts.apart.tasks), parts.annotated)
        told = f"{found.message} {MADE_WAY} {self.parts.scored} of {len(SHARES)} parts of the tasks are scored."
        return found.model_copy(update={"message": told})

    def _tell(self, share: float, detail: str) -> None:
        if self._is_unwanted() or self._reporter.run.id in self._reporter.runs.asked_again():
            raise MakesWay
        self._share = max(self._share, share)  # the pace of a part may turn out to be slower
        self._reporter.within(self._share, f"{self._share:.0%} of the curve, {detail}", self._left(self._share))

    def _left(self, share: float) -> float | None:
        """About how many seconds the measuring still takes when this share is done; None until that is known."""
        if share < TELLING_SHARE:
            return None if self._expected is None else (1 - share) * self._expected
        return (time.monotonic() - self._began) * (1 / share - 1)
