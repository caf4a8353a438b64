"""The files that the page loads besides itself: they come from this backend, and from no other host."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from service.errors import Cause
from service.web.routes import RequestRefused

FOLDER = Path(__file__).parent.parent / "static"
DIGESTS = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in sorted(FOLDER.iterdir())}
"""By file. The page names a file with its digest, so a browser may keep it for ever."""
HEADERS = {"Cache-Control": "max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""The headers of the page. A browser loads nothing from elsewhere, and runs no script that stands in the page: what
strangers wrote into labels or titles cannot become one."""


async def asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in DIGESTS:
        raise RequestRefused(404, f"There is no file {name!r}.", Cause.BAD_REQUEST)
    return FileResponse(FOLDER / name, headers=HEADERS)
