"""Whether a form was sent by a page of this very server.

A browser sends Basic credentials along with a form of any page, so credentials alone do not show that the person wanted
it. Browsers say where a form came from: in `Sec-Fetch-Site` over https and on localhost, and in `Origin` everywhere.
A page can set neither of the two.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from service.errors import Cause
from service.web.routes import RequestRefused


def require_same_origin(request: Request) -> None:
    """Raise RequestRefused (403) for a form that does not come from a page of this server."""
    site = request.headers.get("sec-fetch-site", "")
    origin = urlsplit(request.headers.get("origin", "")).netloc
    if site == "same-origin" or (not site and origin and origin == request.headers.get("host", "")):
        return
    reason = "This form was not sent from the status page, and nothing was done. Open the page and press the button."
    raise RequestRefused(403, reason, Cause.BAD_REQUEST)
