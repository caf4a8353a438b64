"""The words of a text as GLiNER sees them, each with its place in the text.

GLiNER counts words, not characters. Two kinds of words break that count and are mended here: words that the
tokenizer drops whole (a zero-width joiner, a right-to-left mark), which would shift every later span by one word, and
words too long for any window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_TOKENS_OF_A_WORD = 64
PIECE_CHARACTERS = 16
STAND_IN = "."

Splitter = Callable[[str], Iterable[tuple[str, int, int]]]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text, in order: parallel lists.

    `asked` is what the model reads (a stand-in where the tokenizer would drop the word), `starts` and `ends` are
    code points of the text, end exclusive, and `tokens` counts the sub-tokens of each word.
    """

    asked: list[str]
    starts: list[int]
    ends: list[int]
    tokens: list[int]

    def __len__(self) -> int:
        return len(self.asked)


def split(text: str, splitter: Splitter, tokenizer: Any) -> Words:
    """Split `text` by GLiNER's own splitter, and mend what its tokenizer cannot represent.

    A word of more than 64 sub-tokens (a base64 blob) becomes several of at most 16 characters: they cover it all, and
    no annotation ends inside such a word anyway.
    """
    found = list(splitter(text))
    counts = token_counts([word for word, _, _ in found], tokenizer)
    if any(count > MAX_TOKENS_OF_A_WORD for count in counts):
        found = [piece for word, count in zip(found, counts, strict=True) for piece in _pieces(word, count)]
        counts = token_counts([word for word, _, _ in found], tokenizer)
    return Words(
        asked=[word if count else STAND_IN for (word, _, _), count in zip(found, counts, strict=True)],
        starts=[start for _, start, _ in found],
        ends=[end for _, _, end in found],
        tokens=[max(count, 1) for count in counts],
    )


def token_counts(words: Sequence[str], tokenizer: Any) -> list[int]:
    """How many sub-tokens each word has; 0 for a word that the tokenizer drops."""
    if not words:
        return []
    encoding = tokenizer(words, is_split_into_words=True, add_special_tokens=False, verbose=False)
    counts = [0] * len(words)
    for word in encoding.word_ids():
        if word is not None:
            counts[word] += 1
    return counts


def _pieces(word: tuple[str, int, int], count: int) -> list[tuple[str, int, int]]:
    text, start, end = word
    if count <= MAX_TOKENS_OF_A_WORD:
        return [word]
    return [
        (text[at : at + PIECE_CHARACTERS], start + at, min(start + at + PIECE_CHARACTERS, end))
        for at in range(0, len(text), PIECE_CHARACTERS)
    ]
