"""Cross-validation: what models find in documents that they have not learnt from, where documents are few.

For each fold a model is tuned from the base model on the other folds, exactly as the version itself is on all of them,
and reads the documents of the fold. So every document judges, and the version learns from every document. The models
have learnt from four fifths of what the version learns from: their score is rather too low than too high for it.

What the models find is kept with the network's own scores: they tell what the scores of the version mean. Where a fold
judges, its scores mean what the other folds tell, so no document is judged by what it has told itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from training.judge.prediction import BLOCK_DOCUMENTS, Prediction
from training.tune import CHECKPOINT


class OutOfFold(NamedTuple):
    """What a model that has not learnt from a document finds in it."""

    document: Document
    candidates: list[Span]
    """All candidate spans above SCORE_FLOOR or the run's threshold, the lower one, with the network's scores; also
    those that overlap a better one."""
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


class Fold(NamedTuple):
    """One fold before its model has learnt."""

    others: list[Document]
    """The documents of the other folds, which are learnt from."""
    number: int
    of: int
    more: int
    """Folds that are learnt after this one."""
    folder: Path | None
    """Where the tuning keeps its checkpoints."""


class CrossValidation:
    """The folds of one learning. With a `folder` a finished one is kept there, so a resumed run does not repeat it.

    `identity` says what is learnt from and how: what was kept of anything else is not used.
    """

    def __init__(
        self,
        folds: Sequence[list[Document]],
        threshold: float | None,
        folder: Path | None = None,
        identity: str = "",
    ) -> None:
        self._folds = folds
        self._threshold = threshold
        self._folder = folder
        self._identity = f"{identity} {threshold}"

    @property
    def is_finished(self) -> bool:
        """Whether all folds are kept."""
        return all(self._kept(number) for number in range(len(self._folds)))

    def run(self, learn: Callable[[Fold], Model]) -> list[OutOfFold]:
        """What is found in each document, fold by fold. `learn` returns the model that has learnt from the others.

        Raises what `learn` raises, and OSError.
        """
        kept = [self._kept(number) for number in range(len(self._folds))]
        found: list[OutOfFold] = []
        for number, fold in enumerate(self._folds):
            known = kept[number]
            if known is None:
                known = self._find(learn(self._begin(number, kept[number + 1 :].count(None))), fold)
                self._keep(number, known)
            found += [OutOfFold(d, c, known.overlap, number) for d, c in zip(fold, known.candidates, strict=True)]
        return found

    def _begin(self, number: int, more: int) -> Fold:
        others = [document for other in self._folds if other is not self._folds[number] for document in other]
        return Fold(others, number, len(self._folds), more, self._folder)

    def _find(self, model: Model, fold: Sequence[Document]) -> Found:
        candidates: list[list[Span]] = []
        for start in range(0, len(fold), BLOCK_DOCUMENTS):
            questions = [(document.text, document.labels) for document in fold[start : start + BLOCK_DOCUMENTS]]
            candidates += model.candidates(questions, self._threshold, keeps_overlaps=True)
        return Found(self._identity, model.reading.overlap, candidates)

    def _keep(self, number: int, found: Found) -> None:
        if self._folder:
            replace_text(self._file(self._folder, number), msgspec.json.encode(found).decode())
            (self._folder / CHECKPOINT).unlink(missing_ok=True)

    def _kept(self, number: int) -> Found | None:
        if not self._folder:
            return None
        self._folder.mkdir(exist_ok=True)
        try:
            kept = msgspec.json.decode(self._file(self._folder, number).read_bytes(), type=Found)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return kept if kept.identity == self._identity else None

    @staticmethod
    def _file(folder: Path, number: int) -> Path:
        return folder / f"{number}.json"
