"""Trying again what may pass: with growing, jittered pauses, and an end."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from service.versions.oci.errors import RegistryStep

log = logging.getLogger(__name__)

T = TypeVar("T")


class Passing(Exception):
    """A failure that may pass: a connection that broke, a registry that is busy or restarting."""

    def __init__(self, why: str, after: float = 0) -> None:
        """`after`: so many seconds the registry asks to be left alone."""
        super().__init__(why)
        self.after = after


@dataclass(frozen=True)
class Backoff:
    """How long to insist."""

    deadline: float = 300
    """Seconds from the first failure in a row to the last attempt: what takes long may still fail late and go on."""
    first: float = 0.5
    """Seconds of the first pause; each one after is twice as long."""
    most: float = 20
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, attempt: Callable[[], T], step: RegistryStep) -> T:
        """What `attempt` returns, tried again while it raises Passing. Raises RegistryError past the deadline."""
        attempts, began = 0, 0.0
        while True:
            try:
                return attempt()
            except Passing as failure:
                now = self.clock()
                began = began if attempts else now
                pause = max(failure.after, self._pause(attempts))
                attempts += 1
                if now + pause - began > self.deadline:
                    asked = f", and it asks to wait {failure.after:.0f} s more" if failure.after > self.most else ""
                    raise step.failed(
                        f"{failure} ({attempts} attempts in {now - began:.0f} s{asked})",
                        "Try again when the registry answers; its own log says why it does not.",
                    ) from failure
                log.warning("%s: %s: %s; again in %.1f s", step.where, step.what, failure, pause)
                self.sleep(pause)

    def _pause(self, attempts: int) -> float:
        """Half of it at random: clients that failed together shall not come back together."""
        whole = min(self.most, self.first * 2.0 ** min(attempts, 30))
        return whole * random.uniform(0.5, 1)
