"""Dialogues as Label Studio's Paragraphs shows them: the text that a model reads, and where each stretch of it lies.

Read in the source of the editor of Label Studio 1.23.2 and seen in Chromium
(tests/end_to_end/test_paragraphs_in_the_browser.py). A value of a region is `{"start": "0", "end": "2",
"startOffset": 3, "endOffset": 8, "text": …, "paragraphlabels": […]}`, where `start` and `end` are the numbers of turns,
as strings, and the offsets count UTF-16 units of the text of that turn. The speakers' names are not counted and cannot
be marked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from service.errors import Cause
from service.labelstudio.expressions import INDEX, NotText, written
from service.labelstudio.unread import Unread
from service.labelstudio.utf16 import Places

BETWEEN_TURNS = "\n"
TURN_BYTES = 100
"""What a turn takes besides its text."""


@dataclass(frozen=True)
class Dialogue:
    """The turns of a dialogue, one below the other. Offsets are code points of `text`."""

    turns: tuple[str, ...]
    text: str = field(init=False)

    @property
    def size(self) -> int:
        """The bytes that the turns take in memory, about."""
        return 2 * len(self.text) + TURN_BYTES * len(self.turns)

    def value(self, start: int, end: int) -> dict[str, Any]:
        """Where the stretch [start, end) lies, as in a region's value; the labels are left to the caller.

        Line feeds between turns at its ends are left off. Raises ValueError for a stretch with nothing else in it, or
        out of the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"There is no stretch {start}..{end} in a text of {len(self.text)} characters.")
        first, begin = self._place(start)
        while first < len(self.turns) - 1 and begin >= len(self.turns[first]):
            first, begin = first + 1, 0
        last, stop = self._place(end)
        while last > 0 and stop <= 0:
            last, stop = last - 1, len(self.turns[last - 1])
        if (first, begin) >= (last, stop):
            raise ValueError(f"There is nothing but line feeds in the stretch {start}..{end}.")
        return {
            "start": str(first),
            "end": str(last),
            "startOffset": self._places(first).units(begin),
            "endOffset": self._places(last).units(stop),
            "text": self.text[self._starts[first] + begin : self._starts[last] + stop],
        }

    def offsets(self, value: Mapping[str, Any]) -> tuple[int, int] | None:
        """The stretch that a stored region's value marks; None where it marks nothing of these turns."""
        start = self._position(value.get("start"), value.get("startOffset"))
        end = self._position(value.get("end"), value.get("endOffset"))
        return (start, end) if start is not None and end is not None and start < end else None

    def __post_init__(self) -> None:
        starts, at = [], 0
        for turn in self.turns:
            starts.append(at)
            at += len(turn) + len(BETWEEN_TURNS)
        object.__setattr__(self, "text", BETWEEN_TURNS.join(self.turns))
        object.__setattr__(self, "_starts", starts)
        object.__setattr__(self, "_known_places", {})

    _starts: list[int] = field(init=False, repr=False, compare=False)
    _known_places: dict[int, Places] = field(init=False, repr=False, compare=False)

    def _places(self, turn: int) -> Places:
        if turn not in self._known_places:
            self._known_places[turn] = Places(self.turns[turn])
        return self._known_places[turn]

    def _place(self, at: int) -> tuple[int, int]:
        """The turn of a place in the text, and the place in it; a line feed belongs to the end of the turn before."""
        turn = bisect_right(self._starts, at) - 1
        return turn, min(at - self._starts[turn], len(self.turns[turn]))

    def _position(self, turn: object, units: object) -> int | None:
        """A turn's number, as a string or a number, and an offset in UTF-16 units, as a place in the text."""
        if isinstance(turn, str) and INDEX.fullmatch(turn):
            turn = int(turn)
        if not _is_count(turn) or not _is_count(units) or turn >= len(self.turns):
            return None
        return self._starts[turn] + self._places(turn).code_points(units)


def dialogue(found: object, name_key: str, text_key: str, is_scrolled: bool) -> Dialogue:
    """The dialogue that a Paragraphs tag shows for what stands under its value. Raises Unread for anything else."""
    if not isinstance(found, list) or not all(isinstance(turn, Mapping) for turn in found):
        raise Unread("the turns are not a list of objects", Cause.BAD_TEXT)
    if missing := [key for key in (name_key, text_key) if found and key not in found[0]]:
        raise Unread(f"the first turn has no {missing[0]!r}, and the editor shows none", Cause.BAD_TEXT)
    turns = _by_time(found) if is_scrolled else found
    try:
        return Dialogue(tuple(_shown(turn.get(text_key)) for turn in turns))
    except NotText:
        raise Unread(f"a turn's {text_key!r} is an object or a list", Cause.BAD_TEXT) from None


def _shown(value: object) -> str:
    """The text of a turn as the page shows it: nothing for what is missing, true or false."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, list):
        raise NotText("a list")
    return written(value)


def _by_time(turns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The turns in the order of their times, as `contextScroll` shows them.

    Raises Unread where some turns have no time, or begin at 0: the editor's order depends on the browser then.
    """
    if not any(turn.get("start") for turn in turns):
        return list(turns)
    if not all(_is_time(turn.get("start")) for turn in turns):
        reason = "contextScroll is set and some turns have no start, or start at 0: their order is not known"
        raise Unread(reason, Cause.BAD_TEXT)
    return sorted(turns, key=lambda turn: (turn["start"], _end(turn)))


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _end(turn: Mapping[str, Any]) -> float:
    if _is_time(turn.get("end")):
        return float(turn["end"])
    return float(turn["start"] + turn["duration"]) if _is_time(turn.get("duration")) else 0.0


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
