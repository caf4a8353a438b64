"""What fails in the background: counted each time, logged once a minute while it lasts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from service.errors import Cause, cause_of
from service.files import is_of_a_disk
from service.metrics import failures

log = logging.getLogger(__name__)

LOG_SECONDS = 60.0
"""Seconds between two lines about the same cause: while the API server is away, every check fails at every tick."""


class Complaints:
    """Takes the errors of all checks of one backend.

    An error without a known cause is logged with its traceback, but not one of a disk.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: dict[Cause, float] = {}
        """When a line about each cause was last logged."""

    def note(self, error: Exception) -> None:
        """Count an error, and log it. One with a known cause, or of the disk, is logged once a minute."""
        cause = cause_of(error)
        failures.count(cause)
        if cause is Cause.INTERNAL and not is_of_a_disk(error):
            log.error("a check of runs and versions failed; it is tried again at the next tick", exc_info=error)
        elif self._is_due(cause):
            log.warning("a check of runs and versions failed, and is tried again and again: %s", error)

    def _is_due(self, cause: Cause) -> bool:
        with self._lock:
            now, last = self._clock(), self._logged.get(cause)
            if last is not None and now - last < LOG_SECONDS:
                return False
            self._logged[cause] = now
            return True
