"""Retries of failures that may pass: with growing, jittered pauses, up to a deadline."""

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
        """`after`: seconds that the registry asks the client to wait."""
        super().__init__(why)
        self.after = after


@dataclass(frozen=True)
class Backoff:
    """How long to retry, and how long to pause."""

    deadline: float = 300
    """Seconds from the first failure to the last attempt. A long upload whose first failure comes late is retried."""
    first: float = 0.5
    """Seconds of the first pause; each later one is twice as long."""
    most: float = 20
    """Seconds of the longest pause, unless the registry asks for a longer one."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, attempt: Callable[[], T], step: RegistryStep) -> T:
        """The result of `attempt`, repeated while it raises Passing. Raises RegistryError past the deadline."""
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
                        f"{failure} ({attempts} attempt{'s'[: attempts > 1]} in {now - began:.0f} s{asked})",
                        "Try again when the registry answers; its own log says why it does not.",
                    ) from failure
                log.warning("%s: %s: %s; retried in %.1f s", step.where, step.what, failure, pause)
                self.sleep(pause)

    def _pause(self, attempts: int) -> float:
        """Seconds until the next attempt; half are random: clients that failed together must not return together."""
        whole = min(self.most, self.first * 2.0 ** min(attempts, 30))
        return whole * random.uniform(0.5, 1)
