"""Waiting for a Label Studio that is away for minutes: it restarts, its node is drained, its proxy finds no server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import httpx

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 900.0
"""How long a Label Studio is waited for that does not answer."""
RETRY_SECONDS = 5.0
AWAY = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE)
"""What a proxy or a Service answers while no server is behind it. A timeout (504) is another matter: a page may be too
large."""


class Patience:
    """Asks again until there is an answer.

    What only reads is asked again whenever the connection fails. Anything else is sent again only where no connection
    was made, since Label Studio may otherwise have done it.
    """

    def __init__(
        self,
        told: Callable[[str], None],
        is_over: Callable[[], bool] = lambda: False,
        seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """`told` is told why it waits, and with an empty text that it waits no more; `is_over` ends every wait."""
        self._told = told
        self._is_over = is_over
        self._seconds = seconds
        self._away_since: float | None = None

    def answer(self, ask: Callable[[], httpx.Response], reads: bool) -> httpx.Response:
        """The answer to a request. Raises httpx's error, or returns the proxy's answer, where none came in time."""
        while True:
            try:
                response = ask()
            except httpx.TransportError as error:
                if not (isinstance(error, _UNSENT) or (reads and isinstance(error, _BROKEN))) or self._gives_up():
                    raise
                self._wait(type(error).__name__)
                continue
            if not (reads and response.status_code in AWAY):
                self._is_back()
                return response
            if self._gives_up():
                return response
            response.close()
            self._wait(str(response.status_code))

    def _gives_up(self) -> bool:
        if self._away_since is None:
            self._away_since = time.monotonic()
        return self._is_over() or time.monotonic() - self._away_since >= self._seconds

    def _wait(self, why: str) -> None:
        log.warning("Label Studio does not answer (%s); it is asked again", why)
        self._told(f"Label Studio does not answer ({why}); it is asked again")
        until = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < until and not self._is_over():
            time.sleep(0.2)

    def _is_back(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            self._told("")


_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout)
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)
