"""Bodies of requests: how large one may be, how long it may take to come, and how many bytes are held at a time.

A body takes nothing from others while it does not come: no place of a prediction, only the bytes that are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from service.errors import Cause
from service.web.routes import RequestRefused

BODY_SECONDS = 60.0
"""So long a body may take to come. A body of the largest size comes in time at 7 Mbit/s."""


class Bodies:
    """The bodies of one kind of requests, which may hold `most` bytes together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    @asynccontextmanager
    async def of(self, request: Request, limit: int) -> AsyncIterator[bytearray]:
        """The body of a request. Its bytes are held until the context ends.

        Raises RequestRefused: 413 for more than `limit` bytes, without reading them all; 408 if the body has not come
        in time; 503 if too many bytes of others are held.
        """
        received = bytearray()
        try:
            await self._receive(request, limit, received)
            yield received
        finally:
            self._held -= len(received)

    async def _receive(self, request: Request, limit: int, received: bytearray) -> None:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    self._held += len(chunk)
                    received += chunk
                    self._check(len(received), limit)
        except TimeoutError:
            reason = f"The body did not come within {BODY_SECONDS:.0f} seconds, and nothing was done. Send it again."
            raise RequestRefused(408, reason, Cause.BAD_REQUEST) from None

    def _check(self, size: int, limit: int) -> None:
        if size > limit:
            raise _too_large(limit)
        if self._held > self._most:
            reason = "The bodies of other requests hold all the memory that is for bodies; send it again later."
            raise RequestRefused(503, reason, Cause.BUSY)


def _too_large(limit: int) -> RequestRefused:
    reason = f"The body is over {limit >> 20} MB. Send fewer tasks at once or raise SPANLOOP_MAX_BODY_MB."
    return RequestRefused(413, reason, Cause.TOO_LARGE)
