"""Places in a text as browsers count them, in UTF-16 units, and as Python does, in code points."""

from __future__ import annotations

import re
from bisect import bisect_left

ASTRAL = re.compile("[\U00010000-\U0010ffff]")
"""A character that is a pair of units."""


class Places:
    """The places of one text. The text is looked through once, however many places are asked for."""

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._pairs = [match.start() for match in ASTRAL.finditer(text)]
        """Where pairs begin, in code points."""
        self._pair_units = [place + index for index, place in enumerate(self._pairs)]
        """The same in units."""

    def units(self, place: int) -> int:
        """The units before a place in code points, which is at most the text's length."""
        return place + bisect_left(self._pairs, place)

    def code_points(self, units: int) -> int:
        """How many code points the first `units` units are, at most all; half a pair counts as its whole."""
        pairs = bisect_left(self._pair_units, units)
        is_half = pairs > 0 and self._pair_units[pairs - 1] == units - 1
        return min(units - pairs + is_half, self._length)
