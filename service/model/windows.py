"""Windows over a long text that fit the model's limits. Every word is in at least one window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from service.model.sentences import SENTENCE
from service.model.spans import Span

MAX_BATCH_WINDOWS = 32
"""The most windows in a batch."""
MAX_BATCH_TOKENS = 8192
"""The most sub-tokens in a batch, with padding."""
SHARED = 4
"""Words that windows share where one ends behind a sentence."""


class Group(NamedTuple):
    """Labels that the model reads together, and the prompt that stands before the text's sub-tokens."""

    labels: tuple[str, ...]
    prompt: tuple[int, ...]
    """Sub-tokens, with the special tokens that open every text."""
    places: tuple[int, ...]
    """Index in the prompt at which the embedding of each label is read; empty for a bi-encoder."""


class Zone(NamedTuple):
    """The spans that one window of several decides: those whose start + end is in this range, `stop` exclusive.

    The zones of a text's windows border on each other in the middle of what two windows share. So a span that several
    windows hold has the score of the one that sees most around it, and a part of a span that is cut at a window's end
    does not compete with the whole span, which the next window holds.
    """

    start: float
    stop: float

    def decides(self, span: Span) -> bool:
        return self.start <= span.start + span.end < self.stop


EVERYWHERE = Zone(-math.inf, math.inf)
"""The zone of a window that is the whole text."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of one text with one group of labels.

    `starts` and `ends` of the words are code points of the text, end exclusive.
    """

    words: list[str]
    starts: list[int]
    ends: list[int]
    ids: list[int]
    """The words' sub-tokens."""
    counts: list[int]
    """Number of sub-tokens of each word."""
    group: Group
    tokens: int
    """Number of sub-tokens of the window, with the prompt and the special tokens."""
    threshold: float
    zone: Zone = EVERYWHERE
    keeps_overlaps: bool = False
    """Whether its candidates include those that overlap a better one: they may be taken all the same."""


def windows(
    tokens_per_word: Sequence[int], cuts: Sequence[int], max_words: int, max_tokens: int, overlap: int
) -> list[tuple[int, int]]:
    """Cut a text into windows of words: (start, end) of each window, end exclusive.

    `tokens_per_word` is the number of sub-tokens of each word, and `cuts` says how good a cut behind each word is
    (`service.model.sentences`). A window holds at most `max_words` words and at most `max_tokens` sub-tokens, but at
    least one word. It ends at the best cut in its second half, at the last of several, and without one at its limit.
    Consecutive windows share `overlap` words, so that a span of up to `overlap` words is whole in one of them; behind a
    sentence they share SHARED words. They share half of a window if that is less. A text without words has no window.
    Raises ValueError for limits below 1 and for a negative overlap.
    """
    if max_words < 1 or max_tokens < 1 or overlap < 0:
        raise ValueError(
            f"max_words {max_words} and max_tokens {max_tokens} must be at least 1, overlap {overlap} at least 0"
        )
    found: list[tuple[int, int]] = []
    start, before, total = 0, 0, len(tokens_per_word)
    while start < total:
        end, budget = start + 1, max_tokens - tokens_per_word[start]
        while end < total and end - start < max_words and tokens_per_word[end] <= budget:
            budget -= tokens_per_word[end]
            end += 1
        shared = overlap
        if end < total:
            end = _best(cuts, max(start + (end - start) // 2, before) + 1, end)
            shared = min(overlap, SHARED) if cuts[end - 1] >= SENTENCE else overlap
        found.append((start, end))
        if end == total:
            break
        start, before = max(end - min(shared, (end - start) // 2), start + 1), end
    return found


def _best(cuts: Sequence[int], earliest: int, latest: int) -> int:
    """The word before which a window ends: the last of the best cuts."""
    return max(range(earliest, latest + 1), key=lambda word: (cuts[word - 1], word), default=latest)


def zones(starts: Sequence[int], ends: Sequence[int]) -> list[Zone]:
    """The zones of a text's windows, which begin at the code points `starts` and end at `ends`."""
    if not starts:
        return []
    borders = [later + earlier for later, earlier in zip(starts[1:], ends, strict=False)]
    return [Zone(*edges) for edges in pairwise([-math.inf, *borders, math.inf])]
