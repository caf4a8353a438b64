"""What a version forgets: its spans against the base model's, in general sentences that no version learns from.

A score on a project's own tasks does not show that a version has lost what its base model knew of everything else. The
guard sentences of `replay.jsonl` are asked for the labels that the base model knows, and its answers are the reference.
So the measure needs no annotated data, and it is independent of the project's labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from service.model.model import Model
from service.model.spans import Extraction, Span, decide
from service.model.told import Told, part_of, untold
from service.versions.lineage import Forgetting
from training import replay
from training.dataset import Document
from training.judge.prediction import Prediction
from training.judge.scores import tally, total

FIRST_SHARE = 0.8
"""Of the time, what it takes to ask each sentence for all labels; then it is asked for those that are known."""


def size() -> int:
    """How many characters a model reads for one measurement."""
    return sum(map(len, replay.sentences("guard")))


class Guard:
    """The base model's answers to the guard sentences, computed once, and the comparison of other weights with them.

    Every sentence is asked for all labels that the base model knows. What is found is decoded as the base model does
    it: that a project wants spans within spans is no forgetting. Each model decides by its own calibration.
    """

    def __init__(
        self, base: Model, sentences: Sequence[str], labels: Sequence[str], threshold: float | None, told: Told = untold
    ) -> None:
        self._threshold = threshold
        self._overlap = base.reading.overlap
        self._questions = [(sentence, tuple(labels)) for sentence in sentences if labels]
        answers = list(self._answers(base, told))
        self._reference = [
            Document(text, labels, extraction.spans)
            for (text, labels), (_, extraction) in zip(self._questions, answers, strict=True)
        ]
        self._chances = [{span[:3]: span.score for span in candidates} for candidates, _ in answers]
        """The base model's probability of each candidate, by sentence."""

    @classmethod
    def of(cls, base: Model, threshold: float | None, told: Told = untold) -> Guard:
        """The guard of a base model: Spanloop's sentences, and of its broad labels those that the model knows there.

        Call this before the model is tuned in place.
        """
        sentences = replay.sentences("guard")
        of_labels, of_reference = part_of(told, 0, FIRST_SHARE), part_of(told, FIRST_SHARE, 1)
        found = replay.found_labels(base, sentences, replay.broad_labels(), threshold, of_labels)
        return cls(base, sentences, replay.known_labels(found), threshold, of_reference)

    @property
    def finds(self) -> bool:
        """Whether the base model finds anything."""
        return any(document.spans for document in self._reference)

    def measure(self, model: Model, told: Told = untold) -> Forgetting | None:
        """Compare a model, in evaluation mode, with the base model. None if the base model finds nothing.

        This reads each sentence once.
        """
        if not self.finds:
            return None
        predictions, changes, kept, found = [], [], 0, 0
        for document, (candidates, extraction) in zip(self._reference, self._answers(model, told), strict=True):
            predictions.append(Prediction(document, extraction))
            probability = {span[:3]: span.score for span in candidates}
            changes += [abs(span.score - probability.get(span[:3], 0.0)) for span in document.spans]
            kept += len({span[:3] for span in document.spans} & {span[:3] for span in extraction.spans})
            found += len(extraction.spans)
        return Forgetting(
            score=total(map(tally, predictions)).model_copy(update={"on": "guard"}),
            kept=kept,
            lost=len(changes) - kept,
            added=found - kept,
            change=round(fmean(changes), 6),
            expected=round(self._f1(self._found) - self._f1([one.extraction.spans for one in predictions]), 6),
        )

    def expected(self, model: Model) -> float:
        """The F1 that a model loses if the base model's probabilities are true (see `Forgetting.expected`)."""
        return self._f1(self._found) - self._f1([extraction.spans for _, extraction in self._answers(model, untold)])

    @property
    def _found(self) -> list[tuple[Span, ...]]:
        return [document.spans for document in self._reference]

    def _f1(self, spans: Sequence[Sequence[Span]]) -> float:
        """The F1 that spans, sentence by sentence, would have if the base model's probabilities were true."""
        right = sum(c.get(span[:3], 0.0) for c, of_text in zip(self._chances, spans, strict=True) for span in of_text)
        annotated = sum(sum(chances.values()) for chances in self._chances)
        return 2 * right / (sum(map(len, spans)) + annotated)

    def _answers(self, model: Model, told: Told) -> Iterator[tuple[list[Span], Extraction]]:
        """The candidates in each sentence, and the choice among them."""
        decisive = model.calibration.decision(self._threshold)
        for candidates in model.candidates(self._questions, self._threshold, True, told):
            yield candidates, decide(candidates, *decisive, self._overlap)
