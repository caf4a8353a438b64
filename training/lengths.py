"""How long a version's windows are: measured on annotated texts that the model did not learn from.

A model that has learnt sentences finds less in a long text that it reads at once. A shorter window looks more like what
it learnt. But it shows less of the text, and each window costs a prompt of all labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.model.model import Model
from service.model.told import Told, part_of, untold
from training.dataset import Document
from training.judge.scores import score

LENGTHS = (32, 48, 64, 96, 128, 192, 384)
"""The lengths that are tried, in words, and the model's own limit."""
MARGIN = 0.005
"""A shorter window must have an F1 that is higher by more than this: less may be chance, and it costs more."""
FEWEST_SPANS = 100
"""A length is tried if the texts that are longer hold this many annotated spans: fewer tell nothing."""
MOST_WORDS = 20_000
"""Words of the texts that are read once for each length: enough for MARGIN, and read in minutes by a large model."""


def measure(model: Model, documents: Sequence[Document], told: Told = untold) -> dict[int, float]:
    """Strict micro F1 by the most words in a window, for the model's present length and those that the texts can tell.

    The thresholds are those of the model: of one that is not calibrated yet, the default one of its scores.
    Empty if the texts cannot tell any other length from the present one.
    """
    tried, read = _trial(model, documents)
    return {
        length: score(
            with_length(model, length), read, None, part_of(told, number / len(tried), (number + 1) / len(tried))
        ).f1
        for number, length in enumerate(tried)
    }


def characters(model: Model, documents: Sequence[Document]) -> int:
    """How much `measure` reads."""
    tried, read = _trial(model, documents)
    return len(tried) * sum(len(document.text) for document in read)


def choose(scores: dict[int, float]) -> int:
    """The greatest length whose F1 is at most MARGIN below the best."""
    return max(length for length, f1 in scores.items() if f1 >= max(scores.values()) - MARGIN)


def with_length(model: Model, length: int) -> Model:
    """The same model, with windows of at most `length` words."""
    words = length if length < model.max_words else None
    return model.with_reading(model.reading.model_copy(update={"window_words": words}))


def _trial(model: Model, documents: Sequence[Document]) -> tuple[list[int], list[Document]]:
    """The lengths that are tried, ascending, and the documents that are read with each; no length if none can be told
    from the present one."""
    sized = list(_long(model, documents))
    tried = {length for length in (*LENGTHS, model.max_words) if length <= model.max_words and _tells(sized, length)}
    if not tried - {model.window_words}:
        return [], []
    return sorted({*tried, model.window_words}), [document for document, _ in sized]


def _long(model: Model, documents: Sequence[Document]) -> Iterator[tuple[Document, int]]:
    """The documents that the shortest window does not hold, up to MOST_WORDS words, and the number of their words."""
    left = MOST_WORDS
    for document in documents:
        words = sum(1 for _ in model.splitter(document.text))
        if words > LENGTHS[0] and left > 0:
            left -= words
            yield document, words


def _tells(sized: Sequence[tuple[Document, int]], length: int) -> bool:
    return sum(len(document.spans) for document, words in sized if words > length) >= FEWEST_SPANS
