"""Scores of a model on annotated texts, and whether a new version may replace the champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from service.model.model import Model
from service.model.spans import Extraction
from service.model.told import Told, part_of, untold
from service.versions.lineage import Score
from training.dataset import Document, without_blanks

BLOCK_DOCUMENTS = 1000
"""Documents at once: of more, only memory grows."""


HELD_OUT = "the held-out tasks"


class Prediction(NamedTuple):
    """What a model finds in a document."""

    document: Document
    extraction: Extraction


class Verdict(NamedTuple):
    """Whether a version serves, and why, in plain words."""

    better: bool
    reason: str


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


def predict(
    model: Model, documents: Sequence[Document], threshold: float | None, told: Told = untold
) -> Iterator[Prediction]:
    """What the model finds in the documents. Those with the same labels follow each other, in the order given.

    `threshold` is the lowest probability of a span; None for the thresholds of the model's version. `told` is told
    which share of the documents is read.
    """
    read = 0
    for labels, asked in _alike(documents):
        of_block = part_of(told, read / len(documents), (read + len(asked)) / len(documents))
        extractions = model.extract([document.text for document in asked], labels, threshold, of_block)
        read += len(asked)
        yield from map(Prediction, asked, extractions)


def tally(prediction: Prediction) -> Tally:
    """What `total` counts in one document: a span is right if start, end and label are all right.

    Annotated spans that GLiNER cannot represent count as missed. Blanks at the edges of annotated spans do not count.
    """
    document, extraction = prediction
    gold = {without_blanks(span, document.text)[:3] for span in document.spans}
    predicted = {(s.start, s.end, s.label) for s in extraction.spans}
    wanted, found, right = (Counter(label for _, _, label in s) for s in (gold, predicted, gold & predicted))
    return {label: Count(right[label], found[label], wanted[label]) for label in wanted | found}


def total(tallies: Iterable[Tally]) -> Score:
    """The strict micro scores of all documents together."""
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for counts in tallies:
        for label, count in counts.items():
            right[label] += count.right
            found[label] += count.found
            wanted[label] += count.wanted
    seen = sorted(wanted)
    return Score(
        precision=_ratio(right.total(), found.total()),
        recall=_ratio(right.total(), wanted.total()),
        f1=_f1(right.total(), found.total(), wanted.total()),
        per_label={label: _f1(right[label], found[label], wanted[label]) for label in seen},
        support={label: wanted[label] for label in seen},
    )


def _alike(documents: Sequence[Document]) -> Iterator[tuple[tuple[str, ...], list[Document]]]:
    """The documents in blocks that are asked the same labels."""
    for labels in dict.fromkeys(document.labels for document in documents):
        asked = [document for document in documents if document.labels == labels]
        for start in range(0, len(asked), BLOCK_DOCUMENTS):
            yield labels, asked[start : start + BLOCK_DOCUMENTS]


def verdict(champion: Score, new: Score, on: str = HELD_OUT) -> Verdict:
    """A new version serves if its micro F1 is higher than the champion's.

    `on` says in words what both are scored on.
    """
    change = f"F1 on {on}: {champion.f1:.3f} → {new.f1:.3f}"
    if new.f1 > champion.f1:
        return Verdict(True, f"{change}.")
    return Verdict(False, f"{change}, not better; the live version stays. More or more consistent annotations help.")


def _f1(right: int, found: int, wanted: int) -> float:
    return _ratio(2 * right, found + wanted)


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
