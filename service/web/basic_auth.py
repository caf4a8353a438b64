"""Basic authentication of the backend's routes."""

from __future__ import annotations

import base64
import binascii
import hmac
from contextlib import suppress

from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
)
from starlette.requests import HTTPConnection
from starlette.responses import Response

from service.errors import Cause
from service.settings import BasicAuthSettings
from service.web.routes import RequestRefused, refused

CHALLENGE = 'Basic realm="spanloop"'
"""What a backend asks for with 401."""


class BasicAuth(AuthenticationBackend):
    """Admits requests with the credentials of the settings; every request if the settings have none."""

    def __init__(self, settings: BasicAuthSettings) -> None:
        self._settings = settings

    @property
    def is_set(self) -> bool:
        """Whether the settings have credentials."""
        return self._settings.login.is_set

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        """Raises AuthenticationError for missing or wrong credentials."""
        if not self.admits(conn):
            raise AuthenticationError("wrong or missing credentials")
        return AuthCredentials(["authenticated"]), SimpleUser(self._settings.login.username)

    def require(self, connection: HTTPConnection) -> None:
        """Raise RequestRefused (401) without the right credentials. For a route that is open to some requests only."""
        if not self.admits(connection):
            raise _refusal()

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether a request has the right credentials or needs none."""
        login = self._settings.login
        if not login.is_set:
            return True
        given, wanted = _given(connection), f"{login.username}:{login.password}"
        # compare_digest takes the same time wherever the credentials differ, so its time gives nothing away.
        return any(hmac.compare_digest(given, content) for content in _encoded(wanted))


def unauthorized(connection: HTTPConnection, error: AuthenticationError) -> Response:
    """Answer 401; for the `on_error` of starlette's AuthenticationMiddleware."""
    return refused(connection, _refusal())


def _refusal() -> RequestRefused:
    challenge = {"WWW-Authenticate": CHALLENGE}
    return RequestRefused(401, "This backend requires Basic authentication.", Cause.UNAUTHORIZED, challenge)


def _encoded(credentials: str) -> list[bytes]:
    """Credentials as clients send them: most in UTF-8; requests, and so Label Studio, in Latin-1 where it has them."""
    content = [credentials.encode()]
    with suppress(UnicodeEncodeError):
        content.append(credentials.encode("latin-1"))
    return content


def _given(connection: HTTPConnection) -> bytes:
    """The credentials of a request, "user:password"; empty if it has none or if they cannot be decoded."""
    scheme, _, encoded = connection.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""
