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


def is_trusted(request: Request, login: BasicAuth, is_alone: bool) -> bool:
    """Whether credentials are set and the request has them; without, whether it comes from this machine.

    `is_alone` says whether this backend runs on one machine. In a pod connections from its own address say nothing of
    who made them: a sidecar passes on those of others.

    A page of another site can have its own name lead to 127.0.0.1 (DNS rebinding), so the name counts as well.
    """
    if login.is_set:
        return login.admits(request)
    host = _name_of(request.headers.get("host", ""))
    return (
        is_alone
        and request.client is not None
        and _is_loopback(request.client.host)
        and (host == "localhost" or _is_loopback(host))
        and not FORWARDED.intersection(request.headers)
    )


def require_trusted(request: Request, login: BasicAuth, is_alone: bool) -> None:
    """Raise RequestRefused (403) for anybody else."""
    if not is_trusted(request, login, is_alone):
        reason = (
            "Nothing was changed: without a password the page changes versions and projects only on one machine, for a "
            "browser on it. Set SPANLOOP_BASIC_AUTH_USERNAME and SPANLOOP_BASIC_AUTH_PASSWORD, or use "
            "`spanloop`."
        )
        raise RequestRefused(403, reason, Cause.BAD_REQUEST)


def _name_of(host: str) -> str:
    """The host name of a Host header, without its port. It is empty if the header names no host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
