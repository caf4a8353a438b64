"""A limit on concurrent predictions, which bounds the memory that Label Studio's requests take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import Cause
from service.web.routes import RequestRefused

PREDICTIONS_MAX = 64
"""Predictions with small bodies that are worked on at a time; the others wait."""
LARGE_PREDICTIONS_MAX = 2
"""Predictions with large bodies that are worked on besides those."""
LARGE_BODY_BYTES = 1 << 20
"""Size from which a body is large."""


class Admission:
    """The places for predictions that are worked on."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(PREDICTIONS_MAX)
        self._large_places = asyncio.Semaphore(LARGE_PREDICTIONS_MAX)

    @asynccontextmanager
    async def place(self, size: int, seconds: float) -> AsyncIterator[None]:
        """Hold a place for a prediction with a body of `size` bytes until it is answered.

        Raises RequestRefused (503) if none becomes free within `seconds`.
        """
        places = self._places if size < LARGE_BODY_BYTES else self._large_places
        try:
            await asyncio.wait_for(places.acquire(), seconds)
        except TimeoutError:
            reason = "Too many predictions are being worked on; retrieve again later."
            raise RequestRefused(503, reason, Cause.BUSY) from None
        try:
            yield
        finally:
            places.release()
