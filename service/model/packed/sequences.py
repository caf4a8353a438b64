"""The sub-tokens of many windows one behind another, and what lies where in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from service.model.windows import Group, Window


class Sequences(NamedTuple):
    """What a packed network reads."""

    ids: list[int]
    texts: list[slice]
    """Each window's sub-tokens."""
    pieces: list[int]
    """Where the words' sub-tokens are, of all windows in order."""
    counts: list[int]
    """How many each word has, of all windows in order."""
    labels: list[int]
    """Where each label is read, of all windows in order."""
    of_words: list[slice]
    """Each window's words among all words."""
    groups: list[Group]

    @classmethod
    def of(cls, windows: Sequence[Window], closing: Sequence[int]) -> Sequences:
        """`closing` ends each text's sub-tokens."""
        ids: list[int] = []
        found = cls(ids, [], [], [], [], parts(len(window.words) for window in windows), [w.group for w in windows])
        for window in windows:
            start = len(ids)
            ids += window.group.prompt
            found.labels.extend(start + place for place in window.group.places)
            found.pieces.extend(range(len(ids), len(ids) + len(window.ids)))
            found.counts.extend(window.counts)
            ids += window.ids
            ids += closing
            found.texts.append(slice(start, len(ids)))
        return found


def parts(counts: Iterable[int]) -> list[slice]:
    """Where parts of these lengths lie, one behind another."""
    ends = [0, *accumulate(counts)]
    return [slice(start, end) for start, end in pairwise(ends)]
