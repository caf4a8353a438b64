"""Models that learn from parts of a run's annotated tasks, for the learning curve.

Each part is learnt from as the run learns from all tasks: validation, replay, recipe, windows and calibration follow
from the part. All are scored on the run's held-out documents or, where none is held out, on those of its first fold,
and the parts are of the other folds. These documents also tell what the scores of a part without validation documents
mean. The parts are nested: a larger one only adds tasks.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from service.files import replace_text
from service.model.model import Model
from service.model.told import Told
from service.runs.curve import LearningCurve
from training import guard
from training.course import PacedListener
from training.curve import Point, estimate
from training.dataset import Document, characters, divide
from training.judge.prediction import predict
from training.judge.scores import Tally, tally
from training.learn import Learning
from training.pace import Pace
from training.settings import TrainingSettings
from training.split import FEWEST_JUDGED, Apart, Split, spans

SHARES = (0.25, 0.5, 0.75)
"""The parts, as shares of the annotated tasks. Their tunings take 1.5 to 3 times as long as the run's own: each has a
fixed number of steps and more for each example, up to a maximum."""
FEWEST_TASKS = 100
"""Of fewer annotated tasks a quarter teaches next to nothing, and a fifth is too few to score on."""
FILE = "curve.json"

BASE_SCORED = 0.02
"""The share of all that is done when the base model is scored, if it is not yet; estimated."""
REMEMBERED, LEARNT = 0.05, 0.95
"""The shares of a part that are done when the base model has read the guard sentences, and when only the scoring is
left; estimated."""

Tell = Callable[[float, str], None]
"""Hears which share is done, 0 to 1, and what is going on."""


class PartListener(PacedListener):
    """Tells how far the learning from one part is."""

    def __init__(self, pace: Pace, tell: Tell) -> None:
        super().__init__(pace)
        self._tell = tell
        self._began = 0.0

    def remembering(self) -> Told:
        self._began = time.monotonic()
        detail = "the base model reads the sentences that tell what is forgotten"
        return _told(_portion(self._tell, "", 0.0, REMEMBERED), detail)

    def begin(self, tasks: int, replayed: int, validation: Sequence[Document], choices: Sequence[int]) -> None:
        if not self.pace.has_read:  # a restarted run scores neither the base model nor a version again
            self.pace.read(guard.size(), (1 - guard.FIRST_SHARE) * (time.monotonic() - self._began))
        super().begin(tasks, replayed, validation, choices)

    def within(self, share: float, detail: str) -> None:
        self._tell(REMEMBERED + (LEARNT - REMEMBERED) * share, detail)

    def part(self, detail: str, begin: float, end: float, left: Callable[[float], float | None]) -> Told:
        def told(done: float) -> None:
            left(done)
            self.within(begin + done * (end - begin), f"{detail} ({done:.0%})")

        self.within(begin, detail)
        return told


class Kept(msgspec.Struct):
    """What a run's folder keeps of its scored parts: no text, only counts."""

    identity: str
    parts: Mapping[str, Sequence[Tally]]
    """The counts of each document that scores, by the share of the tasks that was learnt from."""


class Parts:
    """The scored parts of one run, kept in its folder: a part that has been scored is not learnt again.

    `identity` says what the run learns from and how: what was kept of anything else is not used. `pace` is how long a
    learning takes here, as far as that is known.
    """

    def __init__(self, settings: TrainingSettings, folder: Path, identity: str, pace: Pace) -> None:
        self._settings = settings
        self._file = folder / FILE
        self._identity = f"{identity} {settings.threshold}"
        self._pace = pace
        self._known = self._kept()

    @property
    def begun(self) -> bool:
        """Whether the scores of the base model are kept."""
        return 0.0 in self._known

    @property
    def scored(self) -> int:
        """How many of the parts are scored."""
        return len(self._known.keys() & set(SHARES))

    def keep(self, share: float, counted: Sequence[Tally]) -> None:
        """Keep what a model scores that has learnt from this share of the tasks; 0: the base model."""
        self._known[share] = counted
        kept = Kept(self._identity, {f"{one}": known for one, known in self._known.items()})
        replace_text(self._file, msgspec.json.encode(kept).decode())

    def keep_run(self, counted: Mapping[str, Sequence[Tally]], parts: Split) -> None:
        """Keep what the run itself has counted in the documents that score: of `base` and, where they are held out, of
        `new`, which has learnt from all others. In a cross-validation the model of the first fold has not learnt as the
        parts do: its thresholds and its share of the way come from the other folds."""
        self.keep(0.0, counted["base"][: len(parts.apart.scoring)])
        if not parts.folds:
            self.keep(1.0, counted["new"])

    def curve(self, parts: Split, spare: Sequence[str], tell: Tell, stopping: Callable[[], bool]) -> LearningCurve:
        """The curve of a run, as `measure` measures it."""
        return estimate(self.measure(parts.apart, spare, tell=tell, stopping=stopping), parts.annotated)

    def measure(self, apart: Apart, spare: Sequence[str], *, tell: Tell, stopping: Callable[[], bool]) -> list[Point]:
        """Learn from each part of the documents that is not kept yet. Returns all points, the base model's first.

        `tell` hears of the share that is done, by the steps of the parts. Raises Stopped if `stopping` returns true,
        Diverged.
        """
        order, scoring = nested(apart.learnt), apart.scoring
        missing = [share for share in (*SHARES, 1.0) if share not in self._known]
        done = 0.0
        if 0.0 not in self._known:
            done = BASE_SCORED
            told = _told(_portion(tell, "", 0.0, done), "scoring the base model")
            self.keep(0.0, self._tallies(self._base(), scoring, told))
        rest, sizes = 1.0 - done, list[int]()
        for place, share in enumerate(missing):
            name = f"learning from {share:.0%} of the tasks"
            tell(done, name)
            training, validation = divide(order[: round(share * len(order))])
            learning = Learning(self._settings, self._base(), training)
            sizes = sizes or steps(self._settings, round(len(learning.dataset.examples) / share), missing)
            end = done + rest * sizes[place] / sum(sizes)
            of_part = _portion(tell, f"{name}: ", done, end)
            listener = PartListener(self._pace, of_part)
            learning.learn(spare, validation, held_out=scoring, listener=listener, stopping=stopping)
            told = _told(_portion(of_part, "", LEARNT, 1.0), "scoring it on the tasks that judge")
            self.keep(share, self._tallies(learning.model, scoring, told))
            done = end
        return self.points(apart.tasks)

    def points(self, tasks: int) -> list[Point]:
        """The points of the parts that are scored, of so many tasks; the base model's is the first."""
        return [Point(round(share * tasks), self._known[share]) for share in sorted(self._known)]

    def _tallies(self, model: Model, scoring: Sequence[Document], told: Told) -> list[Tally]:
        began = time.monotonic()
        counted = [tally(one) for one in predict(model, scoring, self._settings.threshold, told)]
        self._pace.read(characters(scoring), time.monotonic() - began)
        return counted

    def _base(self) -> Model:
        settings = self._settings
        return Model.load(settings.model, settings.device, settings.window_words, settings.convert_pickle)

    def _kept(self) -> dict[float, Sequence[Tally]]:
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}
        return {float(share): of for share, of in kept.parts.items()} if kept.identity == self._identity else {}


def nested(documents: Sequence[Document]) -> list[Document]:
    """The documents in an order that depends on their texts alone."""
    return sorted(documents, key=lambda one: hashlib.sha256(one.text.encode("utf-8", "surrogatepass")).digest())


def pays(settings: TrainingSettings, parts: Split) -> bool:
    """Whether a run measures the curve: it has enough tasks. A time budget leaves none for it."""
    return settings.curve and not settings.minutes and suffice(parts)


def suffice(parts: Split) -> bool:
    """Whether there are enough tasks for a curve."""
    return parts.annotated >= FEWEST_TASKS and spans(parts.apart.scoring) >= FEWEST_JUDGED


def steps(settings: TrainingSettings, examples: int, shares: Sequence[float] = SHARES) -> list[int]:
    """About how many steps the tuning on each share of so many examples has."""
    return [settings.steps_of(round(share * examples)) for share in shares]


def _portion(tell: Tell, name: str, begin: float, end: float) -> Tell:
    """What a portion of the work is to tell that takes all of it from the share `begin` to `end`."""
    return lambda share, detail: tell(begin + share * (end - begin), f"{name}{detail}")


def _told(tell: Tell, detail: str) -> Told:
    return lambda done: tell(done, f"{detail} ({done:.0%})")
