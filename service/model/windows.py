"""Windows over a long text: every word in at least one, whatever the model's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_BATCH = 32
MAX_BATCH_TOKENS = 8192
"""What the model reads at once at most: windows, and sub-tokens with their padding."""


class Group(NamedTuple):
    """Labels that a text is asked at once, and what stands before the text's own sub-tokens for that."""

    labels: tuple[str, ...]
    prompt: tuple[int, ...]
    """Sub-tokens, the one that opens every text included."""
    places: tuple[int, ...]
    """Where in the prompt each label's embedding is read."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of one text with one group of labels."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    ids: list[int]
    """The words' sub-tokens."""
    counts: list[int]
    """How many each word has."""
    group: Group
    tokens: int
    """Sub-tokens of the whole, prompt and special ones included."""
    threshold: float


def windows(tokens_per_word: Sequence[int], max_words: int, max_tokens: int, overlap: int) -> list[tuple[int, int]]:
    """Cut a text into overlapping windows of words, `[start, end)` each.

    `tokens_per_word` is what each word costs the encoder in sub-tokens. A window holds at most `max_words` words and
    at most `max_tokens` sub-tokens, but never less than one word. Consecutive windows share `overlap` words (fewer only
    where that would be more than half of a window), so that a span of up to `overlap` words at a seam is whole in one.
    An empty text has no window.
    """
    if max_words < 1 or max_tokens < 1 or overlap < 0:
        raise ValueError(
            f"max_words {max_words} and max_tokens {max_tokens} must be at least 1, overlap {overlap} at least 0"
        )
    found: list[tuple[int, int]] = []
    start, total = 0, len(tokens_per_word)
    while start < total:
        end, budget = start + 1, max_tokens - tokens_per_word[start]
        while end < total and end - start < max_words and tokens_per_word[end] <= budget:
            budget -= tokens_per_word[end]
            end += 1
        found.append((start, end))
        if end == total:
            break
        start = max(end - min(overlap, (end - start) // 2), start + 1)
    return found
