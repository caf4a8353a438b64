"""A clock that a test sets."""

from __future__ import annotations


class Clock:
    """Returns `seconds` when called, like `time.monotonic`."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds
