"""The words of a text as GLiNER sees them, each with its place in the text.

GLiNER counts words, not characters. Two kinds of words break that count and are mended here: words that the
tokenizer drops whole (a zero-width joiner, a right-to-left mark), which would shift every later span by one word, and
words too long for any window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from service.model.subtokens import Subtokens

MAX_TOKENS_OF_A_WORD = 64
PIECE_CHARACTERS = 16
STAND_IN = "."

Splitter = Callable[[str], Iterable[tuple[str, int, int]]]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text, in order: parallel lists, and the sub-tokens of all of them.

    `asked` is what the model reads (a stand-in where the tokenizer would drop the word), `starts` and `ends` are
    code points of the text, end exclusive; `tokens` counts the sub-tokens of each word, `ids` are they, and
    `offsets` says where in `ids` each word begins, and where the last ends.
    """

    asked: list[str]
    starts: list[int]
    ends: list[int]
    tokens: list[int]
    ids: list[int]
    offsets: list[int]

    def __len__(self) -> int:
        return len(self.asked)


def split(text: str, splitter: Splitter, subtokens: Subtokens) -> Words:
    """Split `text` by GLiNER's own splitter, and mend what its tokenizer cannot represent.

    A word of more than 64 sub-tokens (a base64 blob) becomes several of at most 16 characters: they cover it all, and
    no annotation ends inside such a word anyway.
    """
    found = list(splitter(text))
    asked = [word for word, _, _ in found]
    ids, counts = subtokens.of(asked)
    if any(count > MAX_TOKENS_OF_A_WORD for count in counts):
        found = [piece for word, count in zip(found, counts, strict=True) for piece in _pieces(word, count)]
        asked = [word for word, _, _ in found]
        ids, counts = subtokens.of(asked)
    if not all(counts):
        asked = [word if count else STAND_IN for word, count in zip(asked, counts, strict=True)]
        ids, counts = subtokens.of(asked)
    starts, ends = [start for _, start, _ in found], [end for _, _, end in found]
    return Words(asked, starts, ends, counts, ids, [*accumulate(counts, initial=0)])


def _pieces(word: tuple[str, int, int], count: int) -> list[tuple[str, int, int]]:
    text, start, end = word
    if count <= MAX_TOKENS_OF_A_WORD:
        return [word]
    return [
        (text[at : at + PIECE_CHARACTERS], start + at, min(start + at + PIECE_CHARACTERS, end))
        for at in range(0, len(text), PIECE_CHARACTERS)
    ]
