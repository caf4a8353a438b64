"""The route of a version's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.errors import Cause
from service.versions import lineage as lineages
from service.versions.store import UnknownVersion
from service.web.routes import RequestRefused

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""A report came with a version, maybe from elsewhere. It has styles of its own, and a browser lets through nothing
else: no script, no other host."""


async def report(request: Request) -> Response:
    supervisor: Supervisor = request.app.state.supervisor
    version = request.path_params["version"]
    if version not in supervisor.reported:
        raise RequestRefused(404, f"There is no report of a version {version!r}.", Cause.BAD_REQUEST)
    try:
        content = await to_thread.run_sync(supervisor.store.document, version, lineages.REPORT_FILE)
    except UnknownVersion as error:  # deleted since the versions were listed
        raise RequestRefused(404, str(error), Cause.BAD_REQUEST) from error
    return HTMLResponse(content, headers=HEADERS)
