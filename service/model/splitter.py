"""Cuts a text into words, per script as coarsely or finely as a reading says.

A text of plain letters is cut as GLiNER cuts it. But GLiNER also cuts before every combining mark and joiner, and takes
a whole sentence without blanks for one word. Here a boundary is never inside a grapheme cluster, marks and joiners stay
with their word, and scripts without blanks are cut between clusters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise

import regex

from service.model.graphemes import INVISIBLE, as_typed, boundaries, clusters
from service.model.reading import Rung
from service.model.scripts import BLANKLESS, blankless, script_of

WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")
"""How GLiNER cuts (its WhitespaceTokenSplitter)."""
NOT_PLAIN = re.compile(
    "[^\x00-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2190-\u22ff]"
)
"""Characters that GLiNER may cut from their word, or that may be of a script without blanks."""
ACROSS_BLANKS = regex.compile(r"\p{GCB=Prepend}|\s[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]")
"""Where a cluster may contain a blank beside something that is not blank."""
CHUNK = re.compile(r"\S+")
SOFT_HYPHEN = "\u00ad"

KEPT_WORDS = 1 << 16
KEPT_CHARACTERS = 32
"""Longer words hardly repeat, so their parts are not kept."""

Cuts = Callable[[str], list[int]]
"""The code points inside a word at which a tokenizer cuts it."""

Stretch = tuple[int, int]


def default_rung(script: str) -> Rung:
    """How a base model's texts are cut in a script."""
    return "characters" if script in BLANKLESS else "words"


class Splitter:
    """Cuts texts by the rungs of a reading; `tokenizer_cuts` are the cuts of the rung `pieces`.

    Yields (word as the model reads it, start, end) in order. Start and end are code points of the text, end exclusive.
    Everything but blanks is in a word.
    """

    def __init__(self, rungs: Mapping[str, Rung], tokenizer_cuts: Cuts) -> None:
        self._rungs = dict(rungs)
        self._cuts = tokenizer_cuts
        self._is_default = all(rung == default_rung(script) for script, rung in rungs.items())
        self._known = lru_cache(maxsize=KEPT_WORDS)(self._divide)

    def __call__(self, text: str) -> Iterator[tuple[str, int, int]]:
        if self._is_default and not NOT_PLAIN.search(text):
            for match in WORD.finditer(text):
                yield match.group(), match.start(), match.end()
            return
        for start, end in words(text):
            word = text[start:end]
            for asked, begin, stop in self._known(word) if len(word) <= KEPT_CHARACTERS else self._divide(word):
                yield asked, start + begin, start + stop

    def _divide(self, word: str) -> list[tuple[str, int, int]]:
        """A word of the rung `words`, cut by the rung of its script."""
        script = script_of(word)
        ends = self._ends(word, self._rungs.get(script) or default_rung(script))
        return [
            (as_typed(word[begin:stop]) or word[begin:stop], begin, stop)
            for begin, stop in pairwise([0, *ends, len(word)])
        ]

    def _ends(self, word: str, rung: Rung) -> list[int]:
        """Where a rung cuts inside a word."""
        if rung == "words":
            return []
        if rung == "characters":
            return boundaries(word)[1:-1]
        ends = _changes(word)
        if rung == "pieces":
            allowed = set(boundaries(word))
            for begin, stop in pairwise([0, *_changes(word), len(word)]):
                ends += [begin + cut for cut in self._cuts(word[begin:stop]) if begin + cut in allowed]
        return sorted(set(ends) - {0, len(word)})


def words(text: str) -> list[Stretch]:
    """The words of a text by the rung `words`: (start, end), between grapheme clusters.

    A word is a run of letters, digits and underscores, of which hyphens may join several, as GLiNER has it. It does not
    go on from a script without blanks to another. Invisible characters between letters, and a soft hyphen behind one,
    belong to the word. Every other cluster that is not blank is a word of its own.
    """
    if not NOT_PLAIN.search(text):
        return [word.span() for word in WORD.finditer(text)]
    if ACROSS_BLANKS.search(text):
        return _words(text)
    found: list[Stretch] = []
    for match in CHUNK.finditer(text):
        chunk, offset = match.group(), match.start()
        of_chunk = _words(chunk) if NOT_PLAIN.search(chunk) else [word.span() for word in WORD.finditer(chunk)]
        found += [(offset + start, offset + end) for start, end in of_chunk]
    return found


def _words(text: str) -> list[Stretch]:
    """The words of a text of any characters, cluster by cluster."""
    found: list[Stretch] = []
    start, script = -1, ""  # of the word that is being read; -1 between words
    joined = -1  # where the hyphen or the invisible characters behind its last letter begin; -1 if there are none
    place = 0
    for cluster in [*clusters(text), " "]:
        kind, of = _kind(cluster)
        if kind == "letter":
            goes_on = start >= 0 and of == script and (joined < 0 or not (of and text[joined] == "-"))
            if not goes_on:
                found += _closed(text, start, joined, place)
                start, script = place, of
            joined = -1
        elif start >= 0 and joined < 0 and kind in ("hyphen", "invisible"):
            joined = place
        elif not (start >= 0 and kind == "invisible" and text[joined] != "-"):
            found += _closed(text, start, joined, place)
            start = joined = -1
            if kind != "blank":
                found.append((place, place + len(cluster)))
        place += len(cluster)
    return found


def _closed(text: str, start: int, joined: int, place: int) -> list[Stretch]:
    """The word that ends before `place`, and the clusters behind its last letter that joined nothing."""
    if start < 0:
        return []
    end = place if joined < 0 else joined
    while end < place and text[end] == SOFT_HYPHEN:
        end += 1
    return [(start, end), *((at, at + 1) for at in range(end, place))]


@lru_cache(maxsize=KEPT_WORDS)
def _kind(cluster: str) -> tuple[str, str]:
    """What a cluster is in a text, and the name of a letter's blankless script."""
    if cluster == "-":
        return "hyphen", ""
    if cluster in INVISIBLE:
        return "invisible", ""
    if any(character.isalnum() or character == "_" for character in cluster):
        return "letter", blankless(cluster[0])
    return "blank" if cluster.isspace() else "other", ""


def _changes(word: str) -> list[int]:
    """Where a word changes between letters, digits and joints (hyphens and underscores)."""
    ends, place, before = [], 0, ""
    for cluster in clusters(word):
        kind = _class(cluster, before)
        if kind != before or kind == "joint":
            ends.append(place)
        place, before = place + len(cluster), kind
    return ends


def _class(cluster: str, before: str) -> str:
    """What a cluster counts as; an invisible one goes with what is before it."""
    if cluster in INVISIBLE:
        return before
    if cluster[0] in "-_":
        return "joint"
    return "digit" if any(character.isdigit() for character in cluster) else "letter"
