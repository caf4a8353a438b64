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

from service.model.graphemes import INVISIBLE, as_typed, boundaries, clusters, is_blank
from service.model.reading import Rung
from service.model.scripts import BLANKLESS, COMMON, blankless, script_of

WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")
"""How GLiNER cuts (its WhitespaceTokenSplitter)."""
NOT_PLAIN = re.compile(
    "[^\t-\r\x1c-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2190-\u22ff]"
)
"""Characters that GLiNER may cut from their word, or that may be of a script without blanks, and control characters, of
which GLiNER makes words."""
ACROSS_BLANKS = regex.compile(r"\p{GCB=Prepend}|\s[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]")
"""Where a cluster may contain a blank beside something that is not blank."""
CHUNK = re.compile(r"\S+")
HYPHEN = "-"
NON_JOINER = "\u200c"

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
    Everything that shows is in a word.
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
    go on from a script without blanks to another. Invisible characters inside a word belong to it, and outside of words
    they are blanks. Every other cluster that is not blank is a word of its own.
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
    start, end, script = -1, 0, ""  # of the word that is being read, up to its last letter; -1 between words
    place = 0
    for cluster in [*clusters(text), " "]:
        kind, of = _kind(cluster)
        if kind == "letter":
            if start < 0 or of != script or (of and HYPHEN in text[end:place]):
                found += _closed(text, start, end, place)
                start, script = place, of
            end = place + len(cluster)
        elif start < 0 or not (kind == "invisible" or (kind == "hyphen" and HYPHEN not in text[end:place])):
            found += _closed(text, start, end, place)
            start = -1
            if kind in ("hyphen", "other"):
                found.append((place, place + len(cluster)))
        place += len(cluster)
    return found


def _closed(text: str, start: int, end: int, place: int) -> list[Stretch]:
    """The word from `start` to `end`, and the hyphen behind it that joined nothing; nothing where no word was read."""
    return [(start, end), *((at, at + 1) for at in range(end, place) if text[at] == HYPHEN)] if start >= 0 else []


def _kind(cluster: str) -> tuple[str, str]:
    """What a cluster is in a text, and the name of a letter's blankless script."""
    return _known_kind(cluster) if len(cluster) <= KEPT_CHARACTERS else _known_kind.__wrapped__(cluster)


@lru_cache(maxsize=KEPT_WORDS)
def _known_kind(cluster: str) -> tuple[str, str]:
    if cluster == HYPHEN:
        return "hyphen", ""
    if cluster in INVISIBLE:
        return "invisible", ""
    if any(character.isalnum() or character == "_" for character in cluster):
        return "letter", blankless(cluster[0])
    return "blank" if is_blank(cluster) else "other", ""


def _changes(word: str) -> list[int]:
    """Where a word changes between letters of one script, digits and joints, and behind zero-width non-joiners.

    Joints are hyphens and underscores. The non-joiner separates the parts of a word, in Persian above all.
    """
    ends, place, before = [], 0, ""
    for cluster in clusters(word):
        kind = _class(cluster, before)
        if kind == "joint" or (kind != before and not (before == COMMON and kind not in ("joint", "digit"))):
            ends.append(place)
        place, before = place + len(cluster), "" if cluster.endswith(NON_JOINER) else kind
    return ends


def _class(cluster: str, before: str) -> str:
    """What a cluster counts as: a joint, a digit or a letter's script.

    An invisible cluster goes with what is before it, and a letter of all scripts with the letters beside it.
    """
    if cluster in INVISIBLE:
        return before
    if cluster[0] in "-_":
        return "joint"
    if any(character.isdigit() for character in cluster):
        return "digit"
    script = script_of(cluster)
    return before if script == COMMON and before not in ("", "joint", "digit") else script
