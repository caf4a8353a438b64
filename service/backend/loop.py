"""The threads in which a backend watches runs and versions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from service.errors import cause_of
from service.metrics import failures

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Seconds between two ticks of a loop that reads only files and memory."""

CLOSE_SECONDS = 10.0
"""Seconds that the end of the program waits for a tick; one that waits longer for a registry is abandoned."""

Step = Callable[[], None]


def each_second() -> float:
    """The pace of a loop that reads only files and memory."""
    return TICK_SECONDS


class Loop:
    """Steps that run one after another, again and again, in a thread of their own.

    A step that raises is logged and counted, and runs again at the next tick.
    """

    def __init__(self, steps: Sequence[Step], pace: Callable[[], float] = each_second) -> None:
        """`pace`: seconds until the next tick, asked after each tick."""
        self._steps = steps
        self._pace = pace
        self._ended = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="loop", daemon=True)

    def start(self) -> None:
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
        self._thread.join(CLOSE_SECONDS)

    def _repeat(self) -> None:
        while not self._ended:
            self._hurry.clear()
            for step in self._steps:
                self._attempt(step)
            if not self._ended:
                self._hurry.wait(self._seconds())

    def _attempt(self, step: Step) -> None:
        try:
            step()
        except Exception as error:  # the next tick may succeed, and the backend must keep answering
            failures.count(cause_of(error))
            log.exception("a check of runs and versions failed; the backend tries again at the next tick")

    def _seconds(self) -> float:
        try:
            return self._pace()
        except Exception as error:  # as for a step
            failures.count(cause_of(error))
            log.exception("the pace of a check of runs and versions is not known; it is %.0f s", TICK_SECONDS)
            return TICK_SECONDS
