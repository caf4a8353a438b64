"""Labels' values that come from people's text: legible, short, and not too many of them."""

from __future__ import annotations

import threading

LABEL_CHARACTERS_MAX = 60
"""Characters of a value; what is behind them is cut."""
OTHER = "other"


def legible(text: str) -> str:
    """A text as a label's value: cut, and without what cannot be printed (a lone surrogate could not be sent)."""
    return "".join(character if character.isprintable() else " " for character in text[:LABEL_CHARACTERS_MAX]).strip()


class Capped:
    """The first `most` different values by name, all others as "other": the series of a process stay that few."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, text: str) -> str:
        value = legible(text)
        with self._lock:
            if len(self._known) < self._most:
                self._known.add(value)
            return value if value in self._known else OTHER
