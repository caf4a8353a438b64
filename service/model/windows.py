"""Windows over a long text that fit the model's limits. Every word is in at least one window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_BATCH_WINDOWS = 32
"""The most windows in a batch."""
MAX_BATCH_TOKENS = 8192
"""The most sub-tokens in a batch, with padding."""


class Group(NamedTuple):
    """Labels that the model reads together, and the prompt that stands before the text's sub-tokens."""

    labels: tuple[str, ...]
    prompt: tuple[int, ...]
    """Sub-tokens, with the special tokens that open every text."""
    places: tuple[int, ...]
    """Index in the prompt at which the embedding of each label is read; empty for a bi-encoder."""


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
    keeps_overlaps: bool = False
    """Whether its candidates include those that overlap a better one: they may be taken all the same."""


def windows(tokens_per_word: Sequence[int], max_words: int, max_tokens: int, overlap: int) -> list[tuple[int, int]]:
    """Cut a text into overlapping windows of words: (start, end) of each window, end exclusive.

    `tokens_per_word` is the number of sub-tokens of each word. A window holds at most `max_words` words and at most
    `max_tokens` sub-tokens, but at least one word. Consecutive windows share `overlap` words, so that a span of up to
    `overlap` words is whole in one of them. They share half of a window if that is less. A text without words has no
    window. Raises ValueError for limits below 1 and for a negative overlap.
    """
    if max_words < 1 or max_tokens < 1 or overlap < 0:
        raise ValueError(
            f"max_words {max_words} and max_tokens {max_tokens} must be at least 1, overlap {overlap} at least 0"
        )
    cuts: list[tuple[int, int]] = []
    start, total = 0, len(tokens_per_word)
    while start < total:
        end, budget = start + 1, max_tokens - tokens_per_word[start]
        while end < total and end - start < max_words and tokens_per_word[end] <= budget:
            budget -= tokens_per_word[end]
            end += 1
        cuts.append((start, end))
        if end == total:
            break
        start = max(end - min(overlap, (end - start) // 2), start + 1)
    return cuts
