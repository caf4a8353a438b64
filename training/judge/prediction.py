"""What a model finds in annotated documents, by the code that serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.model.model import Model
from service.model.spans import Extraction
from service.model.told import Told, part_of, untold
from training.dataset import Document

BLOCK_DOCUMENTS = 1000
"""Documents at once: of more, only memory grows."""


class Prediction(NamedTuple):
    """What a model finds in a document."""

    document: Document
    extraction: Extraction


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


def _alike(documents: Sequence[Document]) -> Iterator[tuple[tuple[str, ...], list[Document]]]:
    """The documents in blocks that are asked the same labels."""
    for labels in dict.fromkeys(document.labels for document in documents):
        asked = [document for document in documents if document.labels == labels]
        for start in range(0, len(asked), BLOCK_DOCUMENTS):
            yield labels, asked[start : start + BLOCK_DOCUMENTS]
