"""Strict scores: a span is right if its start, its end and its label are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from service.model.model import Model
from service.model.told import Told, untold
from service.versions.lineage import Score
from training.dataset import Document, without_blanks
from training.judge.prediction import Prediction, predict
from training.judge.sheet import Spans


class Count(NamedTuple):
    """Spans of one label in one document: predicted and annotated alike, predicted, annotated."""

    right: int
    found: int
    wanted: int


Tally = Mapping[str, Count]
"""The counts of one document by label, of the labels that are annotated or predicted there."""


def score(model: Model, documents: Sequence[Document], threshold: float | None, told: Told = untold) -> Score:
    """Strict micro scores by the code that serves: see `total`, and `predict` for the arguments."""
    return total(map(tally, predict(model, documents, threshold, told)))


def annotated(document: Document) -> Spans:
    """The annotated spans, each once, sorted, without the blanks at their edges, which do not count."""
    return tuple(sorted({without_blanks(span, document.text)[:3] for span in document.spans}))


def tally(prediction: Prediction) -> Tally:
    """What `total` counts in one document.

    Annotated spans that GLiNER cannot represent count as missed. Blanks at the edges of annotated spans do not count.
    """
    return count(annotated(prediction.document), [span[:3] for span in prediction.extraction.spans])


def count(wanted: Iterable[tuple[int, int, str]], found: Iterable[tuple[int, int, str]]) -> Tally:
    """The counts of annotated and predicted spans of one document."""
    gold, predicted = set(wanted), set(found)
    of_gold, of_predicted, right = (Counter(label for _, _, label in s) for s in (gold, predicted, gold & predicted))
    return {label: Count(right[label], of_predicted[label], of_gold[label]) for label in of_gold | of_predicted}


def total(tallies: Iterable[Tally]) -> Score:
    """The strict micro scores of all documents together."""
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    texts = 0
    for counts in tallies:
        texts += 1
        for label, of_label in counts.items():
            right[label] += of_label.right
            found[label] += of_label.found
            wanted[label] += of_label.wanted
    seen = sorted(wanted)
    return Score(
        precision=_ratio(right.total(), found.total()),
        recall=_ratio(right.total(), wanted.total()),
        f1=_f1(right.total(), found.total(), wanted.total()),
        per_label={label: _f1(right[label], found[label], wanted[label]) for label in seen},
        support={label: wanted[label] for label in seen},
        texts=texts,
    )


def _f1(right: int, found: int, wanted: int) -> float:
    return _ratio(2 * right, found + wanted)


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
