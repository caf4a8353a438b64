"""Scores of a model on annotated texts, and whether a new version may replace the champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from service.model.model import Model
from service.versions.lineage import Score
from training.dataset import Document, without_blanks

BLOCK_DOCUMENTS = 1000
"""Documents at once: of more, only memory grows."""


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


def score(model: Model, documents: Sequence[Document], threshold: float) -> Score:
    """Strict micro scores by the code that serves: a span counts if start, end and label are all right.

    Annotated spans that GLiNER cannot represent count as missed. Blanks at the edges of annotated spans do not count.
    """
    return total(tallies(model, documents, threshold))


def tallies(model: Model, documents: Sequence[Document], threshold: float) -> list[Tally]:
    """What `score` counts, document by document."""
    counted: dict[int, Tally] = {}
    for labels, asked in _alike(documents):
        extractions = model.extract([document.text for document in asked], labels, threshold)
        for document, extraction in zip(asked, extractions, strict=True):
            gold = {without_blanks(span, document.text)[:3] for span in document.spans}
            predicted = {(s.start, s.end, s.label) for s in extraction.spans}
            wanted, found = (Counter(label for _, _, label in spans) for spans in (gold, predicted))
            right = Counter(label for _, _, label in gold & predicted)
            counted[id(document)] = {
                label: Count(right[label], found[label], wanted[label]) for label in wanted | found
            }
    return [counted[id(document)] for document in documents]


def total(documents: Iterable[Tally]) -> Score:
    """The scores of all documents together."""
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for tally in documents:
        for label, count in tally.items():
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
    for labels in {document.labels for document in documents}:
        asked = [document for document in documents if document.labels == labels]
        for start in range(0, len(asked), BLOCK_DOCUMENTS):
            yield labels, asked[start : start + BLOCK_DOCUMENTS]


def verdict(champion: Score, new: Score) -> Verdict:
    """A new version serves if its micro F1 on the held-out tasks is higher than the champion's."""
    change = f"F1 on the held-out tasks: {champion.f1:.3f} → {new.f1:.3f}"
    if new.f1 > champion.f1:
        return Verdict(True, f"{change}.")
    return Verdict(False, f"{change}, not better; the live version stays. More or more consistent annotations help.")


def _f1(right: int, found: int, wanted: int) -> float:
    return _ratio(2 * right, found + wanted)


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
