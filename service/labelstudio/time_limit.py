"""The end of a whole exchange over HTTP at a time.

httpx bounds each read by itself: a server that sends a byte of its header now and then holds a request for ever.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete")
"""The events of httpcore that have a connection as their result (its extension `trace`)."""


class TimeLimit:
    """Shuts the connection of a request down at a time by `time.monotonic`, unless the context has ended before.

    `trace` goes into the request's extensions.
    """

    def __init__(self, until: float) -> None:
        self._socket: socket.socket | None = None
        self._is_over = False
        self._timer = threading.Timer(max(0.0, until - time.monotonic()), self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note a connection that has been made."""
        if event in CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")
            if self._is_over:
                self._shut()

    def _end(self) -> None:
        self._is_over = True
        self._shut()

    def _shut(self) -> None:
        """End what waits for the connection in any thread. A TLS socket's own method would change it meanwhile."""
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
