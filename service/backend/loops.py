"""The threads in which a backend watches runs and versions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from service.errors import cause_of
from service.metrics import failures

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Seconds between two ticks of a loop."""

CLOSE_SECONDS = 10.0
"""Seconds that the end of the program waits for a tick; one that waits longer for a registry is abandoned."""

Step = Callable[[], None]


class Loops:
    """Loops of steps, each in a thread of its own: one that waits for a registry delays no other loop.

    A step that raises is logged and counted, and runs again at the next tick.
    """

    def __init__(self, loops: Sequence[Sequence[Step]]) -> None:
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(steps,), name="loop", daemon=True) for steps in loops
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after the ticks that run."""
        self._ended.set()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def _repeat(self, steps: Sequence[Step]) -> None:
        while not self._ended.is_set():
            for step in steps:
                try:
                    step()
                except Exception as error:  # the next tick may succeed; the backend must go on answering
                    failures.count(cause_of(error))
                    log.exception("looking after runs and versions failed and is tried again")
            self._ended.wait(TICK_SECONDS)
