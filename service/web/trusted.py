"""Who may change which version is live: a person with the credentials, or one on the backend's own machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from service.errors import Cause
from service.web.basic_auth import BasicAuth
from service.web.routes import RequestRefused

FORWARDED = frozenset({"forwarded", "x-forwarded-for"})
"""Headers of a request that came through a proxy."""


def is_trusted(request: Request, login: BasicAuth) -> bool:
    """Whether credentials are set, which the request then has; without, whether it comes from this machine.

    A page of another site can have its own name lead to 127.0.0.1 (DNS rebinding), so the name counts as well.
    """
    if login.is_set:
        return login.admits(request)
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return (
        request.client is not None
        and _is_loopback(request.client.host)
        and (host == "localhost" or _is_loopback(host))
        and not FORWARDED.intersection(request.headers)
    )


def require_trusted(request: Request, login: BasicAuth) -> None:
    """Raise RequestRefused (403) for anybody else."""
    if not is_trusted(request, login):
        reason = (
            "Nothing was changed: without a password only a browser on the backend's own machine may change versions "
            "and projects. Set SPANLOOP_BASIC_AUTH_USERNAME and SPANLOOP_BASIC_AUTH_PASSWORD, or use "
            "`python -m service`."
        )
        raise RequestRefused(403, reason, Cause.BAD_REQUEST)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
