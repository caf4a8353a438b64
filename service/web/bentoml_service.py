"""How BentoML runs our services: as a process around an ASGI application, which is imported only where it serves.

BentoML imports a service's module in two processes: in the one that serves, and in the one that starts it and needs
only the service's name. A deferred application keeps torch and the rest out of the second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

OPTIONS: dict[str, Any] = {
    "workers": 1,
    "metrics": {"enabled": False},  # ours have labels that bound their number
    "logging": {"access": {"enabled": False}},  # every probe would be a line
    "traffic": {"timeout": 120},
    "tracing": {"excluded_urls": ".*"},  # nobody collects spans, and each request would make some
}
"""Options of `bentoml.service`."""


def deferred(build: Callable[[], Starlette]) -> Starlette:
    """An application that calls `build` when it starts, and from then on is what `build` returned."""

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncIterator[None]:
        inner = build()
        outer.router.routes[:] = [Mount("/", inner)]  # started again, it is another
        async with inner.router.lifespan_context(inner):
            yield

    return Starlette(lifespan=lifespan)
