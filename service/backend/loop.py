"""The threads in which a backend watches runs and versions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

TICK_SECONDS = 1.0
"""Seconds between two ticks of a loop that reads only files and memory."""

CLOSE_SECONDS = 10.0
"""Seconds that the end of the program waits for a tick; one that waits longer for a registry is abandoned."""

Step = Callable[[], None]
Complain = Callable[[Exception], None]


def each_second() -> float:
    """The pace of a loop that reads only files and memory."""
    return TICK_SECONDS


class Loop:
    """Steps that run one after another, again and again, in a thread of their own.

    A step that raises is complained of, and runs again at the next tick.
    """

    def __init__(self, steps: Sequence[Step], pace: Callable[[], float] = each_second) -> None:
        """`pace`: seconds until the next tick, asked after each tick."""
        self._steps = steps
        self._pace = pace
        self._ended = False
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, complain: Complain) -> None:
        """`complain` is told what a step, or the pace, raised."""
        self._thread = threading.Thread(target=self._repeat, args=(complain,), name="loop", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """Begin the next tick now. May be called from any thread."""
        self._hurry.set()

    def end(self) -> None:
        """Let the tick that runs be the last."""
        self._ended = True
        self._hurry.set()

    def join(self) -> None:
        """Wait until the last tick has ended, CLOSE_SECONDS at most."""
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _repeat(self, complain: Complain) -> None:
        while not self._ended:
            self._hurry.clear()
            for step in self._steps:
                try:
                    step()
                except Exception as error:  # noqa: BLE001 - the next tick may succeed: the backend must keep answering
                    complain(error)
            if not self._ended:
                self._hurry.wait(self._seconds(complain))

    def _seconds(self, complain: Complain) -> float:
        try:
            return self._pace()
        except Exception as error:  # noqa: BLE001 - as for a step
            complain(error)
            return TICK_SECONDS
