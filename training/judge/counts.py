"""The spans of a sheet as counts, and precision, recall and F1 of counts, strict and partial.

Strict: a span is right if its start, its end and its label are right. Partial: a found span is right if it shares a
character with an annotated span of its label, and an annotated span is found if a found one does (type matching in
SemEval-2013 task 9).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.versions.verdict import Agreement, Quality
from training.judge.sheet import Sheet, Spans

Array = NDArray[np.float64]

RIGHT, FOUND, WANTED, FOUND_TOUCHES, WANTED_TOUCHED = range(5)
"""The last dimension of counts: strictly right, found, and annotated spans; found ones that touch an annotated one of
their label, and annotated ones that a found one touches."""
KINDS = 5


class Scores(msgspec.Struct, frozen=True):
    """What a model is worth on the documents of a sheet."""

    texts: int
    micro: Quality
    macro_strict: float
    """The mean of the labels' F1, of those that are annotated."""
    macro_partial: float
    labels: dict[str, Quality]
    """Of the labels that are annotated or found."""


def counts(sheet: Sheet, model: str) -> Array:
    """The counts [documents, labels, KINDS] of a model; zero in documents that it has learnt from."""
    place = {label: number for number, label in enumerate(sheet.labels)}
    counted = np.zeros((len(sheet.documents), len(sheet.labels), KINDS))
    for row, wanted, found in zip(counted, sheet.annotated, sheet.found(model), strict=True):
        right = set(found) & set(wanted)
        for span in found:
            row[place[span[2]], FOUND] += 1
            row[place[span[2]], RIGHT] += span in right
            row[place[span[2]], FOUND_TOUCHES] += span in right or is_touched(span, wanted)
        for span in wanted:
            row[place[span[2]], WANTED] += 1
            row[place[span[2]], WANTED_TOUCHED] += span in right or is_touched(span, found)
    return counted


def is_touched(span: tuple[int, int, str], others: Spans) -> bool:
    """Whether one of the others has the span's label and shares a character with it."""
    start, end, label = span
    return any(other[2] == label and other[0] < end and start < other[1] for other in others)


def f1(counted: Array) -> Array:
    """Strict F1 of counts in the last dimension; 0 where nothing is found and annotated."""
    return _ratio(2 * counted[..., RIGHT], counted[..., FOUND] + counted[..., WANTED])


def partial_f1(counted: Array) -> Array:
    """Partial F1 of counts in the last dimension."""
    precision = _ratio(counted[..., FOUND_TOUCHES], counted[..., FOUND])
    recall = _ratio(counted[..., WANTED_TOUCHED], counted[..., WANTED])
    return _ratio(2 * precision * recall, precision + recall)


def scores(of_labels: Array, labels: Sequence[str], texts: int) -> Scores:
    """The scores of counts [labels, KINDS] in so many documents."""
    annotated = of_labels[:, WANTED] > 0
    seen = [place for place in range(len(labels)) if of_labels[place].any()]
    return Scores(
        texts=texts,
        micro=_quality(of_labels.sum(axis=0)),
        macro_strict=_mean(f1(of_labels[annotated])),
        macro_partial=_mean(partial_f1(of_labels[annotated])),
        labels={labels[place]: _quality(of_labels[place]) for place in seen},
    )


def rounded(value: float) -> float:
    """A figure of a verdict: six decimals, never minus zero."""
    return round(float(value), 6) + 0.0


def _quality(counted: Array) -> Quality:
    right, found, wanted, touches, touched = (float(count) for count in counted)
    return Quality(
        support=round(wanted),
        found=round(found),
        strict=_agreement(_share(right, found), _share(right, wanted)),
        partial=_agreement(_share(touches, found), _share(touched, wanted)),
    )


def _agreement(precision: float, recall: float) -> Agreement:
    f1 = _share(2 * precision * recall, precision + recall)
    return Agreement(rounded(precision), rounded(recall), rounded(f1))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(values: Array) -> float:
    return rounded(values.mean()) if values.size else 0.0


def _ratio(part: Array, whole: Array) -> Array:
    ratio: Array = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return ratio
