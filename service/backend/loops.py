"""The threads in which a backend watches runs and versions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from service.errors import cause_of
from service.metrics import failures

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Seconds between two ticks of a loop that reads only files and memory."""

CLOSE_SECONDS = 10.0
"""Seconds that `close` waits for a running tick; a longer one, which waits for a registry perhaps, is abandoned."""

Step = Callable[[], None]


def each_second() -> float:
    """The pace of a loop whose ticks send no requests."""
    return TICK_SECONDS


class Loop(NamedTuple):
    """Steps that run one after another, again and again."""

    steps: Sequence[Step]
    pace: Callable[[], float] = each_second
    """Returns the seconds until the next tick; called after each tick."""


class Loops:
    """Runs each loop in a thread of its own: one that waits for a registry delays no other.

    An exception of a step is logged and counted, and the step runs again at the next tick.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._ended = False
        self._hurry = [threading.Event() for _ in loops]
        self._threads = [
            threading.Thread(target=self._repeat, args=(loop, hurry), name="loop", daemon=True)
            for loop, hurry in zip(loops, self._hurry, strict=True)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def hurry(self) -> None:
        """Begin the next tick of every loop now. Any thread may call this."""
        for hurry in self._hurry:
            hurry.set()

    def close(self) -> None:
        """End each loop after its running tick."""
        self._ended = True
        self.hurry()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def _repeat(self, loop: Loop, hurry: threading.Event) -> None:
        while not self._ended:
            hurry.clear()
            for step in loop.steps:
                try:
                    step()
                except Exception as error:  # the next tick may succeed; the backend must go on answering
                    failures.count(cause_of(error))
                    log.exception("a check of runs and versions failed; the next tick repeats it")
            if not self._ended:
                hurry.wait(loop.pace())
