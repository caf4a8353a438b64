"""A request is worked on while its client waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

AnswerT = TypeVar("AnswerT")


async def while_connected(request: Request, work: Coroutine[Any, Any, AnswerT]) -> AnswerT:
    """What `work` returns. It is cancelled when the client leaves, and ClientDisconnect is raised.

    The body must have been read before. What `work` raises is raised.
    """
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _left(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
