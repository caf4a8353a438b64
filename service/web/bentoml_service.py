"""Options of the BentoML services, and ASGI applications that are built only in the process that serves them.

BentoML imports a service's module in two processes: in the process that serves, and in the process that starts it and
needs only the service's name. A deferred application keeps torch and the rest out of the second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

OPTIONS: dict[str, Any] = {
    "workers": 1,
    "metrics": {"enabled": False},  # Spanloop exposes its own metrics, whose number of series is bounded
    "logging": {"access": {"enabled": False}},  # every probe would write a line
    "traffic": {"timeout": 120},
    "tracing": {"excluded_urls": ".*"},  # each request would make spans that nobody collects
}
"""Options of `bentoml.service`. The timeout is in seconds."""


def deferred(build: Callable[[], Starlette]) -> Starlette:
    """An application that calls `build` when it starts and then serves the application that `build` returned."""

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncIterator[None]:
        inner = build()
        outer.router.routes[:] = [Mount("/", inner)]  # each start builds a new one
        async with inner.router.lifespan_context(inner):
            yield

    return Starlette(lifespan=lifespan)
