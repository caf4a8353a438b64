"""Scores of a model on annotated texts, and whether a new version may replace the champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.model.model import Model
from service.model.told import Told, part_of, untold
from service.versions.lineage import Score
from training.dataset import Document, without_blanks

BLOCK_DOCUMENTS = 1000
"""Documents at once: of more, only memory grows."""


class Verdict(NamedTuple):
    """Whether a version serves, and why, in plain words."""

    better: bool
    reason: str


def score(model: Model, documents: Sequence[Document], threshold: float, told: Told = untold) -> Score:
    """Strict micro scores by the code that serves: a span counts if start, end and label are all right.

    Annotated spans that GLiNER cannot represent count as missed. Blanks at the edges of annotated spans do not count.
    `told` is told which share of the documents is read.
    """
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    read = 0
    for labels, asked in _alike(documents):
        of_block = part_of(told, read / len(documents), (read + len(asked)) / len(documents))
        extractions = model.extract([document.text for document in asked], labels, threshold, of_block)
        read += len(asked)
        for document, extraction in zip(asked, extractions, strict=True):
            gold = {without_blanks(span, document.text)[:3] for span in document.spans}
            predicted = {(s.start, s.end, s.label) for s in extraction.spans}
            wanted.update(label for _, _, label in gold)
            found.update(label for _, _, label in predicted)
            right.update(label for _, _, label in gold & predicted)
    seen = sorted(wanted | found)
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
