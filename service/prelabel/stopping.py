"""The request to a process that it end."""

from __future__ import annotations

import threading


class Stopped(Exception):
    """The process was asked to end."""


class Stopping(threading.Event):
    """Set once the process is asked to end."""

    def rest(self, seconds: float) -> None:
        """Do nothing for so long. Raises Stopped as soon as the process is asked to end."""
        if self.wait(max(seconds, 0.0)):
            raise Stopped
