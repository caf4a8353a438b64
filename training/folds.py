"""Cross-validation: what models find in documents that they have not learnt from, where documents are few.

For each fold a model is tuned from the base model on the other folds, exactly as the version itself is on all of them,
and reads the documents of the fold. So every document judges, and the version learns from every document. The models
have learnt from four fifths of what the version learns from: their score is rather too low than too high for it.

The models read at each share of the way from the base model's weights to theirs, and what they find is kept with the
network's own scores. So the folds tell which share of the way the version's weights go, and what its scores mean. Where
a fold judges, the other folds tell both, so no document is judged by what it has told itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from service.files import replace_text
from service.model.calibration import Calibration
from service.model.model import SCORE_FLOOR, Model
from service.model.reading import Overlap
from service.model.spans import Span, decide
from service.versions.lineage import Blend
from training import calibration
from training.blend import SHARES, choose
from training.dataset import Document
from training.judge.prediction import BLOCK_DOCUMENTS, Prediction
from training.judge.scores import tally, total
from training.tune import CHECKPOINT

FOLDER = "folds"
"""Where a run or a search keeps what the folds find, in its own folder."""


class OutOfFold(NamedTuple):
    """What a model that has not learnt from a document finds in it."""

    document: Document
    candidates: Mapping[float, list[Span]]
    """By the share of the way from the base model's weights to the tuned ones: all candidate spans above SCORE_FLOOR or
    the run's threshold, the lower one, with the network's scores; also those that overlap a better one."""
    overlap: Overlap
    """Which spans the model answers together."""
    fold: int

    def at(self, share: float, threshold: float | None, calibration: Calibration) -> Prediction:
        """What the model answers at a share of the way, with a calibration. `threshold` is the lowest probability; None
        for the calibration's own thresholds."""
        decisive = calibration.decision(threshold)
        candidates = calibration.applied(self.candidates[share])
        return Prediction(self.document, decide(candidates, *decisive, self.overlap))


class CrossValidated(NamedTuple):
    """What the models of all folds find, and how the version's share of the way is chosen by it."""

    found: Sequence[OutOfFold]
    blend: Blend | None = None
    """What each share has forgotten, of the version; None: it goes the whole way."""

    def f1(self, share: float) -> float:
        """Strict micro F1 at a share of the way, of spans whose score passes the default threshold."""
        return total(tally(one.at(share, None, Calibration())) for one in self.found).f1

    @property
    def share(self) -> float:
        """The best share of the way."""
        if self.blend is None:
            return SHARES[0]
        return choose([one.model_copy(update={"f1": self.f1(one.share)}) for one in self.blend.tried], self.blend.limit)

    @property
    def uncalibrated(self) -> list[Prediction]:
        """What the models may answer at the best share, with the network's scores."""
        share = self.share
        return [one.at(share, SCORE_FLOOR, Calibration()) for one in self.found]

    def answers(self, model: Model, threshold: float | None) -> list[Prediction]:
        """What the models answer, each fold's at the share and with the calibration that the other folds tell.

        `model` is the version's: it says what was learnt, and whether its scores can be calibrated.
        """
        return [
            answer for fold in sorted({one.fold for one in self.found}) for answer in self._of(fold, model, threshold)
        ]

    def told_by_others(self, fold: int, model: Model) -> tuple[float, Calibration]:
        """The share of the way and the calibration that the other folds than this one tell."""
        others = self._replace(found=[one for one in self.found if one.fold != fold])
        return others.share, calibration.choose(model, others.uncalibrated, model.learnt.labels).calibration

    def _of(self, fold: int, model: Model, threshold: float | None) -> Iterable[Prediction]:
        share, told = self.told_by_others(fold, model)
        return (one.at(share, threshold, told) for one in self.found if one.fold == fold)


class Found(msgspec.Struct):
    """What a finished fold leaves in the run's folder: no text, only spans."""

    identity: str
    overlap: Overlap
    candidates: list[list[list[Span]]]
    """By the shares of the way: the candidates of each document of the fold."""


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
    def missing(self) -> list[list[Document]]:
        """The folds that are not kept."""
        return [fold for number, fold in enumerate(self._folds) if self._kept(number) is None]

    def run(self, learn: Callable[[Fold], Iterable[Model]]) -> list[OutOfFold]:
        """What is found in each document, fold by fold.

        `learn` yields the model that has learnt from the others at each of SHARES. Raises what `learn` raises, and
        OSError.
        """
        kept = [self._kept(number) for number in range(len(self._folds))]
        found: list[OutOfFold] = []
        for number, fold in enumerate(self._folds):
            known = kept[number]
            if known is None:
                known = self._find(learn(self._begin(number, kept[number + 1 :].count(None))), fold)
                self._keep(number, known)
            of_documents = zip(*known.candidates, strict=True)
            found += [
                OutOfFold(document, dict(zip(SHARES, candidates, strict=True)), known.overlap, number)
                for document, candidates in zip(fold, of_documents, strict=True)
            ]
        return found

    def _begin(self, number: int, more: int) -> Fold:
        others = [document for other in self._folds if other is not self._folds[number] for document in other]
        return Fold(others, number, len(self._folds), more, self._folder)

    def _find(self, models: Iterable[Model], fold: Sequence[Document]) -> Found:
        found = Found(self._identity, "flat", [])
        for model in models:
            found.overlap = model.reading.overlap
            found.candidates.append(self._read(model, fold))
        return found

    def _read(self, model: Model, fold: Sequence[Document]) -> list[list[Span]]:
        candidates: list[list[Span]] = []
        for start in range(0, len(fold), BLOCK_DOCUMENTS):
            questions = [(document.text, document.labels) for document in fold[start : start + BLOCK_DOCUMENTS]]
            candidates += model.candidates(questions, self._threshold, keeps_overlaps=True)
        return candidates

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
