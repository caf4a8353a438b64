"""The last phase of a run, in which it measures its learning curve. Its version does not wait for that.

Another run may be asked for meanwhile, and then the measuring ends early. What a curve cannot be measured for is told,
and never makes a run fail: its version is published.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from service.runs.curve import LearningCurve
from training.curve import estimate
from training.parts import SHARES, Parts, pays
from training.progress import Reporter
from training.settings import TrainingSettings
from training.split import Split
from training.tune import Diverged

log = logging.getLogger(__name__)

NOT_MEASURED = "What more tasks would bring was not measured"
MADE_WAY = "The measuring was ended early, because another run or the rollout of the version needed its place."


class MakesWay(BaseException):
    """The measuring is to end. Like Stopped no Exception: nothing that handles errors may take it for one."""


class Measuring:
    """The measuring of one run's curve, which `is_unwanted` or a request for another run ends."""

    def __init__(
        self,
        settings: TrainingSettings,
        reporter: Reporter,
        stopping: Callable[[], bool],
        is_unwanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stopping` says whether the process is to stop; a restart goes on with the parts that are scored."""
        self.parts = Parts(settings, reporter.runs.work(reporter.run.id))
        self._settings = settings
        self._reporter = reporter
        self._stopping = stopping
        self._is_unwanted = is_unwanted

    def curve(self, parts: Split, spare: Sequence[str]) -> LearningCurve:
        """Measure the whole curve. Raises Stopped, MakesWay, Diverged."""
        self._reporter.enter("curve", "measuring what more annotated tasks would bring")
        return self.parts.curve(parts, spare, self._tell, self._stopping)

    def after(self, parts: Split, spare: Sequence[str]) -> LearningCurve | None:
        """Measure the curve of a run whose version is judged; None if the run measures none. Raises Stopped."""
        documents = [*parts.training, *parts.validation, *parts.held_out]
        annotated = len({(document.project, document.task) for document in documents})
        if parts.folds or not self.parts.begun or not pays(self._settings, annotated):
            return None
        try:
            return self.curve(parts, spare)
        except MakesWay:
            return self._begun(annotated)
        except Diverged:
            why = "the loss of a tuning on a part of the tasks was not finite."
            return LearningCurve(message=f"{NOT_MEASURED}: {why} The version is not affected.")
        except Exception as error:  # the version is published, so the run has not failed
            log.exception("the learning curve was not measured")
            why = f"it failed with {type(error).__name__}, and the run's log has the details."
            return LearningCurve(message=f"{NOT_MEASURED}: {why} The version is not affected.")

    def _begun(self, annotated: int) -> LearningCurve:
        """The curve through the parts that are scored."""
        points = self.parts.points(annotated)
        scored = len(points) - 2  # without the base model and all tasks
        if not scored:
            return LearningCurve(message=f"{NOT_MEASURED}. {MADE_WAY}")
        found = estimate(points)
        told = f"{found.message} {MADE_WAY} {scored} of {len(SHARES)} parts of the tasks are scored."
        return found.model_copy(update={"message": told})

    def _tell(self, share: float, detail: str) -> None:
        if self._is_unwanted() or self._reporter.run.id in self._reporter.runs.asked_again():
            raise MakesWay
        self._reporter.within(share, detail)
