"""Time that passes when a test says so."""

from __future__ import annotations


class Clock:
    """Seconds, as `time.monotonic` gives them."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds
