"""Where a text can be cut: behind sentences, at line ends, at blank lines.

Sentence ends are those of UAX #29, whose character classes the `regex` package has (`SB=…`). A cut is only preferred:
a sentence end that is missed costs little, and a false one costs more. Full stops that more often belong to a word
therefore end nothing: those of `_ABBREVIATED`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import regex

from service.model.scripts import BLANKLESS

INSIDE, WEAK, SENTENCE, LINE, PARAGRAPH = range(5)
"""How good a place between two words is for a cut: the higher, the better.

INSIDE a sentence. WEAK: behind a full stop or line end before a small letter, or at a blank in a script that puts none
between words. Behind a SENTENCE. At the end of another LINE. At a blank line, where a PARAGRAPH ends.
"""

_MARKS = regex.compile(r"[\p{SB=STerm}\p{SB=ATerm}]++(?:(?![\p{Ps}\p{Pi}])\p{SB=Close}|\p{Pi}(?=\s|\Z)|\s\p{Pe})*+")
"""Marks that may end a sentence, with the quotes and brackets that close behind them."""
_FULL_STOP = regex.compile(r"\p{SB=ATerm}(?![\p{SB=STerm}\p{SB=ATerm}])")
_ABBREVIATED = regex.compile(
    r"(?<=\b(?:\p{L}\p{M}*|\p{Lu}\p{Ll}{1,2}|Prof|vs|cf|ca|al|nos?|vol|approx|resp|bzw|(?<!\d[.,])\d{1,2}))"
    r"|(?<=\d\s?)(?=\p{SB=ATerm}\s?\d)"  # 0.05, also written as "0 . 05"
)
"""What is before a full stop of an abbreviation (e.g. Dr. Fig. vs.), of an ordinal (1. Mai) or of a number."""
_INSIDE = regex.compile(r"(?<=[!-~])[!-~]|\s*+\p{SB=SContinue}")
"""What shows that a mark ended nothing: an ASCII character right behind it (a.b, ?x=1), or a comma or colon (SB8a)."""
_SMALL = regex.compile(r"[^\p{SB=OLetter}\p{SB=Upper}\p{SB=Lower}\p{SB=STerm}\p{SB=ATerm}\p{SB=Sep}]*+\p{SB=Lower}")
"""A sentence that goes on behind a full stop (SB8)."""
_BLANKS = regex.compile(r"[\n\v\f\r\x85\u2028\u2029]\s*+")
_LINE_END = regex.compile(r"\r\n|[\n\v\f\r\x85\u2028\u2029]")
_NO_BLANKS = "".join(rf"\p{{script={script}}}" for scripts in BLANKLESS.values() for script in scripts)
_PHRASES = regex.compile(rf"(?<=[{_NO_BLANKS}])[^\S\n\r]++")


def cuts(text: str, starts: Sequence[int], ends: Sequence[int]) -> bytes:
    """How good a cut behind each word of a text is: INSIDE to PARAGRAPH. The words are at `starts` and `ends`."""
    found = bytearray(len(ends))
    for place, grade in [*_phrases(text), *_sentences(text), *_lines(text)]:
        word = bisect_right(ends, place) - 1
        between = word >= 0 and (word + 1 == len(starts) or place <= starts[word + 1])
        if between:
            found[word] = max(found[word], grade)
    return bytes(found)


def _phrases(text: str) -> Iterator[tuple[int, int]]:
    return ((match.start(), WEAK) for match in _PHRASES.finditer(text))


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where sentences end, behind their marks."""
    for match in _MARKS.finditer(text):
        start, end = match.span()
        full_stop = _FULL_STOP.match(text, start)
        if _INSIDE.match(text, end) or (full_stop and _ABBREVIATED.match(text, start)):
            continue
        yield end, WEAK if full_stop and _SMALL.match(text, end) else SENTENCE


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where lines end. A line that goes on with a small letter may be wrapped."""
    for match in _BLANKS.finditer(text):
        start, end = match.span()
        if len(_LINE_END.findall(text, start, end)) > 1:
            yield start, PARAGRAPH
        else:
            yield start, WEAK if text[end : end + 1].islower() else LINE
