"""A token in a form, which shows that this very form was asked for: against forged requests (OWASP, Cross-Site Request
Forgery Prevention, HMAC-based token pattern).

It holds no state, so that each replica of a backend takes the forms of the others: its key comes from the credentials
that all of them have. Without credentials the key is of this process alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from service.errors import Cause
from service.settings import BasicAuthSettings
from service.web.routes import RequestRefused

VALID_SECONDS = 3600
"""So long a form may stay open."""
SKEW_SECONDS = 60
"""So far the clocks of two replicas may be apart."""


class FormTokens:
    """Makes and checks tokens. A token is for one purpose, and for VALID_SECONDS."""

    def __init__(self, settings: BasicAuthSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._of_this_process = secrets.token_bytes(32)
        self._clock = clock

    def make(self, purpose: str) -> str:
        """A token for one purpose: what is to be done, and what it was decided on."""
        made = str(int(self._clock()))
        return f"{made}.{self._signature(made, purpose)}"

    def require(self, token: str, purpose: str) -> None:
        """Raise RequestRefused (403) for a token that is none for this purpose, or too old."""
        made, _, signature = token.partition(".")
        is_ours = hmac.compare_digest(signature.encode(), self._signature(made, purpose).encode())
        if not is_ours or not -SKEW_SECONDS <= self._clock() - int(made) <= VALID_SECONDS:
            reason = "This form is not one of this backend, or too old. Nothing was changed: open the page again."
            raise RequestRefused(403, reason, Cause.BAD_REQUEST)

    def _signature(self, made: str, purpose: str) -> str:
        return hmac.new(self._key(), f"{made}\n{purpose}".encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        login = self._settings.login
        if not login.password:
            return self._of_this_process
        return hashlib.sha256(f"spanloop form\n{login.username}\n{login.password}".encode()).digest()
