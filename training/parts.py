"""Models that learn from parts of a run's annotated tasks, for the learning curve.

Each part is learnt from as the run learns from all tasks: validation, replay, recipe, windows and calibration follow
from the part. All are scored on the run's held-out documents. The parts are nested: a larger one only adds tasks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from service.files import replace_text
from service.model.model import Model
from service.model.told import Told
from service.runs.curve import LearningCurve
from training.curve import Point, estimate
from training.dataset import Document, divide
from training.judge.prediction import predict
from training.judge.scores import Count, Tally, tally
from training.learn import Learning
from training.listener import Listener
from training.settings import TrainingSettings
from training.split import Split
from training.tune import TuningProgress

SHARES = (0.25, 0.5, 0.75)
"""The parts, as shares of the annotated tasks. Together they take 1.5 to 3 times as long as the run's own."""
FEWEST_TASKS = 100
"""Of fewer annotated tasks a quarter teaches next to nothing, and a fifth is too few to score on."""
FILE = "curve.json"


class PartListener(Listener):
    """Tells how far the learning from one of `parts` parts is, which begins at the share `begin` of all."""

    def __init__(self, tell: Callable[[float, str], None], detail: str, begin: float, parts: int) -> None:
        self._tell = tell
        self._detail = detail
        self._begin = begin
        self._parts = parts
        tell(begin, detail)

    def replaying(self) -> Told:
        told = "the base model labels the texts for replay"
        return lambda done: self._tell(self._begin, f"{self._detail}: {told} ({done:.0%})")

    def stepped(self, progress: TuningProgress) -> None:
        share = self._begin + progress.step / progress.steps / self._parts
        self._tell(share, f"{self._detail}: step {progress.step} of {progress.steps}")


class Parts:
    """The scored parts of one run, kept in its folder: a part that has been scored is not learnt again."""

    def __init__(self, settings: TrainingSettings, folder: Path) -> None:
        self._settings = settings
        self._file = folder / FILE
        self._known: dict[float, Sequence[Tally]] = _read(self._file)

    @property
    def begun(self) -> bool:
        """Whether the scores of the base model and of all tasks are kept."""
        return {0.0, 1.0} <= self._known.keys()

    def keep(self, share: float, counted: Sequence[Tally]) -> None:
        """Keep what a model scores that has learnt from this share of the tasks; 0: the base model."""
        self._known[share] = counted
        kept = {f"{one}": known for one, known in self._known.items()}
        replace_text(self._file, msgspec.json.encode(kept).decode())

    def keep_run(self, counted: Mapping[str, Sequence[Tally]]) -> None:
        """Keep what the run itself has counted: of `base`, and of `new`, which has learnt from all tasks."""
        self.keep(0.0, counted["base"])
        self.keep(1.0, counted["new"])

    def curve(
        self, parts: Split, spare: Sequence[str], tell: Callable[[float, str], None], stopping: Callable[[], bool]
    ) -> LearningCurve:
        """The curve of a run that holds documents out, as `measure` measures it."""
        learnt = [*parts.training, *parts.validation]
        return estimate(self.measure(learnt, parts.held_out, spare, tell=tell, stopping=stopping))

    def measure(
        self,
        documents: Sequence[Document],
        held_out: Sequence[Document],
        spare: Sequence[str],
        *,
        tell: Callable[[float, str], None],
        stopping: Callable[[], bool],
    ) -> list[Point]:
        """Learn from each part of `documents` that is not kept yet. Returns all points, the base model's first.

        `tell` hears of the share that is done, in [0, 1]. Raises Stopped if `stopping` returns true, Diverged.
        """
        order = nested(documents)
        missing = [share for share in (*SHARES, 1.0) if share not in self._known]
        if 0.0 not in self._known:
            self.keep(0.0, self._tallies(self._base(), held_out))
        for place, share in enumerate(missing):
            training, validation = divide(order[: round(share * len(order))])
            listener = PartListener(tell, f"learning from {share:.0%} of the tasks", place / len(missing), len(missing))
            learning = Learning(self._settings, self._base(), training)
            learning.learn(spare, validation, listener=listener, stopping=stopping)
            self.keep(share, self._tallies(learning.model, held_out))
        annotated = len({(one.project, one.task) for one in (*documents, *held_out)})
        return self.points(annotated)

    def points(self, annotated: int) -> list[Point]:
        """The points of the parts that are scored, of so many annotated tasks; the base model's is the first."""
        return [Point(round(share * annotated), self._known[share]) for share in sorted(self._known)]

    def _tallies(self, model: Model, held_out: Sequence[Document]) -> list[Tally]:
        return [tally(one) for one in predict(model, held_out, self._settings.threshold)]

    def _base(self) -> Model:
        return Model.load(self._settings.model, self._settings.device, self._settings.window_words)


def nested(documents: Sequence[Document]) -> list[Document]:
    """The documents in an order that depends on their texts alone."""
    return sorted(documents, key=lambda one: hashlib.sha256(one.text.encode("utf-8", "surrogatepass")).digest())


def pays(settings: TrainingSettings, tasks: int) -> bool:
    """Whether a run on so many annotated tasks measures the curve. A time budget leaves none for it."""
    return settings.curve and not settings.minutes and tasks >= FEWEST_TASKS


def _read(file: Path) -> dict[float, Sequence[Tally]]:
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=dict[str, list[dict[str, Count]]])
    except FileNotFoundError:
        return {}
    return {float(share): counted for share, counted in kept.items()}
