"""An application that is imported where it serves.

BentoML imports a service in two processes: in the one that serves it, and in the one that starts that, which only wants
to know its name. What an application brings, it need not bring into both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount


def deferred(build: Callable[[], Starlette]) -> Starlette:
    """An application that is what `build` gives from its start on."""

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncIterator[None]:
        inner = build()
        outer.router.routes[:] = [Mount("/", inner)]  # started again, it is another
        async with inner.router.lifespan_context(inner):
            yield

    return Starlette(lifespan=lifespan)
