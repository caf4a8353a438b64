"""Makes label values of user text: printable, short and limited in number."""

from __future__ import annotations

import threading

LABEL_CHARACTERS_MAX = 60
"""The most characters of a label value. Longer text is cut."""
OTHER = "other"


def legible(text: str) -> str:
    """A text as a label value: cut, with a space for each unprintable character (UTF-8 has no lone surrogates)."""
    return "".join(character if character.isprintable() else " " for character in text[:LABEL_CHARACTERS_MAX]).strip()


class Capped:
    """Keeps the first `most` different values and replaces all others by "other", to bound a process' series."""

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
