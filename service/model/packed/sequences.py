"""The concatenated sub-tokens of many windows, and the places of texts, words and labels in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from service.model.windows import Group, Window


class Sequences(NamedTuple):
    """The input of a packed network. Its lists hold the entries of all windows in order."""

    ids: list[int]
    texts: list[slice]
    """Slice of `ids` with the sub-tokens of each window."""
    pieces: list[int]
    """Index in `ids` of each sub-token that belongs to a word."""
    counts: list[int]
    """Number of sub-tokens of each word."""
    labels: list[int]
    """Index in `ids` at which the embedding of each label is read."""
    of_words: list[slice]
    """Slice of all words with the words of each window."""
    groups: list[Group]

    @classmethod
    def of(cls, windows: Sequence[Window], closing: Sequence[int]) -> Sequences:
        """Concatenate windows. `closing` are the special tokens that end each of them."""
        ids: list[int] = []
        made = cls(ids, [], [], [], [], parts(len(window.words) for window in windows), [w.group for w in windows])
        for window in windows:
            start = len(ids)
            ids += window.group.prompt
            made.labels.extend(start + place for place in window.group.places)
            made.pieces.extend(range(len(ids), len(ids) + len(window.ids)))
            made.counts.extend(window.counts)
            ids += window.ids
            ids += closing
            made.texts.append(slice(start, len(ids)))
        return made


def parts(counts: Iterable[int]) -> list[slice]:
    """The slices of consecutive parts with these lengths."""
    ends = [0, *accumulate(counts)]
    return [slice(start, end) for start, end in pairwise(ends)]
