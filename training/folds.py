"""Cross-validation: what models find in documents that they have not learnt from, where documents are few.

For each fold a model is tuned from the base model on the other folds, exactly as the version itself is on all of them,
and reads the documents of the fold. So every document judges, and the version learns from every document. The models
have learnt from four fifths of what the version learns from: their score is rather too low than too high for it.

What the models find is kept with the network's own scores: they tell what the scores of the version mean. Where a fold
judges, its scores mean what the other folds tell, so no document is judged by what it has told itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from service.files import replace_text
from service.model.calibration import Calibration
from service.model.model import SCORE_FLOOR, Model
from service.model.reading import Overlap
from service.model.spans import Span, decide
from training import calibration
from training.dataset import Document
from training.judge import Prediction
from training.learn import Learning
from training.settings import TrainingSettings
from training.tune import CHECKPOINT, TuningProgress


class OutOfFold(NamedTuple):
    """What a model that has not learnt from a document finds in it."""

    document: Document
    candidates: list[Span]
    """All candidate spans above SCORE_FLOOR with the network's scores, also those that overlap a better one."""
    overlap: Overlap
    """Which spans the model answers together."""
    fold: int

    def at(self, threshold: float | None, calibration: Calibration) -> Prediction:
        """What the model answers with a calibration. `threshold` is the lowest probability; None for the calibration's
        own thresholds."""
        decisive = calibration.decision(threshold)
        return Prediction(self.document, decide(calibration.applied(self.candidates), *decisive, self.overlap))

    @property
    def uncalibrated(self) -> Prediction:
        """What the model may answer, with the network's scores."""
        return self.at(SCORE_FLOOR, Calibration())


def calibrated(found: Sequence[OutOfFold], threshold: float | None) -> list[Prediction]:
    """What the models answer, each fold's with the calibration that the other folds tell."""
    labels = {label for one in found for label in one.document.labels}
    answers = []
    for fold in sorted({one.fold for one in found}):
        others = calibration.answered(one.uncalibrated for one in found if one.fold != fold)
        told = calibration.fit(others, labels).calibration
        answers += [one.at(threshold, told) for one in found if one.fold == fold]
    return answers


class Found(msgspec.Struct):
    """What a finished fold leaves in the run's folder: no text, only spans."""

    identity: str
    overlap: Overlap
    candidates: list[list[Span]]
    """The candidates of each document of the fold."""


class CrossValidation:
    """The folds of one run. A finished one is kept in `folder`, so a resumed run does not repeat it.

    `identity` says what is learnt from and how: what was kept of anything else is not used. `load` loads the base
    model.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        folds: Sequence[list[Document]],
        folder: Path,
        identity: str,
        load: Callable[[], Model],
    ) -> None:
        self._settings = settings
        self._folds = folds
        self._folder = folder
        self._identity = f"{identity} {settings.threshold}"
        self._load = load

    def run(
        self,
        replayed: Sequence[Document],
        report: Callable[[int, TuningProgress], None],
        stopping: Callable[[], bool],
    ) -> list[OutOfFold]:
        """What is found in each document, fold by fold. `report` hears of every step, with the fold's index.

        Raises Stopped, Diverged and OSError as a tuning does.
        """
        self._folder.mkdir(exist_ok=True)
        found: list[OutOfFold] = []
        for number, fold in enumerate(self._folds):
            kept = self._kept(number)
            if kept is None:
                others = [document for other in self._folds if other is not fold for document in other]
                model = self._learn(others, replayed, partial(report, number), stopping)
                kept = self._find(model, fold)
                replace_text(self._file(number), msgspec.json.encode(kept).decode())
                (self._folder / CHECKPOINT).unlink(missing_ok=True)
            found += [OutOfFold(d, c, kept.overlap, number) for d, c in zip(fold, kept.candidates, strict=True)]
        return found

    def _learn(
        self,
        documents: Sequence[Document],
        replayed: Sequence[Document],
        report: Callable[[TuningProgress], None],
        stopping: Callable[[], bool],
    ) -> Model:
        learning = Learning(self._settings, self._load(), documents)
        if learning.dataset.examples:  # else the model reads none of the other folds, and stays as it is
            learning.tune(replayed, [], report=report, stopping=stopping, folder=self._folder)
        return learning.model

    def _find(self, model: Model, fold: Sequence[Document]) -> Found:
        questions = [(document.text, document.labels) for document in fold]
        candidates = model.candidates(questions, self._settings.threshold, keeps_overlaps=True)
        return Found(self._identity, model.reading.overlap, candidates)

    def _kept(self, number: int) -> Found | None:
        try:
            kept = msgspec.json.decode(self._file(number).read_bytes(), type=Found)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return kept if kept.identity == self._identity else None

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.json"
