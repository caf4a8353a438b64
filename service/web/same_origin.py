"""Whether a request was sent by a page of this very server, by a page of another, or by no page.

A browser sends Basic credentials along with a form of any page, so credentials alone do not show that the person wanted
it. Browsers say where a form came from: in `Sec-Fetch-Site` over https and on localhost, and in `Origin` everywhere.
A page can set neither of the two.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import Cause
from service.web.routes import RequestRefused, refused

FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What the form of any page can send without asking this server."""


class NoForeignPage:
    """Middleware of routes that programs call with JSON: it refuses what a page of another server sends (403), and what
    only a form or a mistake sends (415)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        refusal = _refusal(request)
        await (refused(request, refusal) if refusal else self._app)(scope, receive, send)


def _refusal(request: Request) -> RequestRefused | None:
    """Why a program has not sent this; None if it may have."""
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
    if site not in ("", "none", "same-origin") or (origin and not _is_here(origin, request)):
        reason = "A page of another server sent this, and nothing was done. Programs send no Origin."
        return RequestRefused(403, reason, Cause.BAD_REQUEST)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORMS:
        return RequestRefused(415, "Send JSON with `Content-Type: application/json`.", Cause.BAD_REQUEST)
    return None


def _is_here(origin: str, request: Request) -> bool:
    try:
        return urlsplit(origin).netloc == request.headers.get("host", "")
    except ValueError:  # no address at all
        return False


def require_same_origin(request: Request) -> None:
    """Raise RequestRefused (403) for a form that does not come from a page of this server."""
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
    if site == "same-origin" or (not site and origin and _is_here(origin, request)):
        return
    reason = "This form was not sent from the status page, and nothing was done. Open the page and press the button."
    raise RequestRefused(403, reason, Cause.BAD_REQUEST)
