"""The words of a text as GLiNER reads them, each with its place in the text.

GLiNER counts words, not characters. Two kinds of words break its count, and this module replaces them. The tokenizer
drops some words whole (a zero-width joiner, a control character): GLiNER shifts every later span by one word. Other
words are too long for any window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from service.model.graphemes import as_typed, clusters
from service.model.sentences import cuts
from service.model.subtokens import Subtokens

MAX_TOKENS_OF_A_WORD = 64
PIECE_CHARACTERS = 16
"""Code points of a piece of a word that is too long for any window, unless one grapheme cluster has more."""
STAND_IN = "."
"""The word that the model reads in place of a word which the tokenizer drops."""

Splitting = Callable[[str], Iterable[tuple[str, int, int]]]
"""Cuts a text into words: (word as the model reads it, start, end)."""


@dataclass(frozen=True)
class Words:
    """The words of one text in order, as parallel lists, and their sub-tokens.

    `asked` is what the model reads: a word, or a stand-in for a word that the tokenizer drops. `starts` and `ends` are
    code points of the text, end exclusive. `tokens` is the number of sub-tokens of each word. `ids` are the sub-tokens
    of all words. `offsets` says where in `ids` each word begins and where the last word ends.
    """

    asked: list[str]
    starts: list[int]
    ends: list[int]
    tokens: list[int]
    ids: list[int]
    offsets: list[int]
    text: str

    @cached_property
    def cuts(self) -> bytes:
        """How good a cut behind each word is, as `sentences` grades it."""
        return cuts(self.text, self.starts, self.ends)

    def __len__(self) -> int:
        return len(self.asked)


def split(text: str, splitter: Splitting, subtokens: Subtokens) -> Words:
    """Split `text` with a model's splitter, and replace words that its tokenizer cannot represent.

    A word of more than 64 sub-tokens, such as a base64 blob, becomes pieces of about 16 code points that cover it.
    """
    placed = list(splitter(text))
    asked = [word for word, _, _ in placed]
    ids, counts = subtokens.of(asked)
    if any(count > MAX_TOKENS_OF_A_WORD for count in counts):
        placed = [piece for word, count in zip(placed, counts, strict=True) for piece in _pieces(text, word, count)]
        asked = [word for word, _, _ in placed]
        ids, counts = subtokens.of(asked)
    if not all(counts):
        asked = [word if count else STAND_IN for word, count in zip(asked, counts, strict=True)]
        ids, counts = subtokens.of(asked)
    starts, ends = [start for _, start, _ in placed], [end for _, _, end in placed]
    return Words(asked, starts, ends, counts, ids, [*accumulate(counts, initial=0)], text)


def _pieces(text: str, word: tuple[str, int, int], count: int) -> list[tuple[str, int, int]]:
    """A word of `count` sub-tokens as pieces that the model can read. A piece ends between grapheme clusters."""
    _, start, end = word
    if count <= MAX_TOKENS_OF_A_WORD:
        return [word]
    found: list[tuple[str, int, int]] = []
    piece = ""
    for cluster in [*clusters(text[start:end]), ""]:
        if piece and (not cluster or len(piece) + len(cluster) > PIECE_CHARACTERS):
            found.append(((as_typed(piece) or piece)[:PIECE_CHARACTERS], start, start + len(piece)))
            start, piece = start + len(piece), ""
        piece += cluster
    return found
