"""Grapheme clusters: what a reader sees as one character (UAX #29)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import accumulate

import regex

CLUSTER = regex.compile(r"\X")
UNSEEN_MARKS = regex.compile(r"[[\p{GCB=Extend}\p{GCB=ZWJ}]&&\p{Default_Ignorable_Code_Point}]*+", regex.V1)
"""Joiners, non-joiners and variation selectors: they end the cluster that they follow, and show nothing themselves."""
INVISIBLE = "\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
"""Characters that nobody sees: soft hyphens, word joiners and marks of the writing direction. Inside a word they belong
to it; anywhere else they are blanks."""
BLANKS = regex.compile(r"[\s\p{Cc}[\p{Default_Ignorable_Code_Point}--\p{L}]]*+", regex.V1)
"""Blanks, control characters, and what no font shows: joiners, selectors, marks of the writing direction. The letters
among the latter are the fillers of Hangul, which belong to the syllables beside them."""
_WITHOUT_INVISIBLE = dict.fromkeys(map(ord, INVISIBLE))


KEPT_CHARACTERS = 32
"""Longer words are not remembered: they would fill the memory, and hardly come again."""


def clusters(text: str) -> list[str]:
    """The grapheme clusters of a text in order. Joined they are the text."""
    return list(text) if text.isascii() and "\r" not in text else CLUSTER.findall(text)


def boundaries(text: str) -> list[int]:
    """The code points at which a cluster begins or the text ends, in order."""
    return [*accumulate(map(len, clusters(text)), initial=0)]


def behind_unseen(text: str, place: int) -> int:
    """A place in a text, moved behind the joiners and selectors that stand there."""
    match = UNSEEN_MARKS.match(text, place)
    return int(match.end()) if match else place


def is_blank(text: str) -> bool:
    """Whether a cluster that stands outside of words, or several, show nothing."""
    return BLANKS.fullmatch(text) is not None


def as_typed(word: str) -> str:
    """A word as a person would type it: composed (NFC), without invisible characters; empty if it has no others."""
    if word.isascii():
        return word
    return _as_typed(word) if len(word) <= KEPT_CHARACTERS else _as_typed.__wrapped__(word)


@lru_cache(maxsize=1 << 16)
def _as_typed(word: str) -> str:
    return unicodedata.normalize("NFC", word.translate(_WITHOUT_INVISIBLE)).strip()
