"""What a BentoML service of Spanloop serves: an application that is built only in the process that serves it.

BentoML imports a service's module in two processes: in the process that serves, and in the process that starts it and
needs only the service's name. A deferred application keeps torch and the rest out of the second.

BentoML adds routes of its own, and more of them with each release. Only its probes are served.
"""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from service.web.orphan import no_orphan

OPTIONS: dict[str, Any] = {
    "workers": 1,
    "metrics": {"enabled": False},  # Spanloop exposes its own metrics, whose number of series is bounded
    "logging": {"access": {"enabled": False}},  # every probe would write a line
    "traffic": {"timeout": 120},
    "tracing": {"excluded_urls": ".*"},  # each request would make spans that nobody collects
}
"""Options of `bentoml.service`. The timeout is in seconds."""

PROBES = frozenset({"/livez", "/readyz"})
"""BentoML's own routes that are served: the chart and other platforms ask them whether the process lives. They read
nothing of a request."""


class OnlyProbes:
    """Middleware around BentoML's routes: requests for its probes get through, all others go to the application."""

    def __init__(self, app: ASGIApp, application: ASGIApp) -> None:
        self._bentoml = app
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_bentomls = scope["type"] == "lifespan" or scope["path"] in PROBES
        await (self._bentoml if is_bentomls else self._application)(scope, receive, send)


def serves(build: Callable[[], Starlette]) -> Callable[[Any], Any]:
    """A decorator of a BentoML service: it serves the application that `build` returns, and BentoML's probes."""

    def decorate(service: Any) -> Any:
        application = deferred(build)
        service.mount_asgi_app(application)  # BentoML starts and ends what is mounted
        service.add_asgi_middleware(OnlyProbes, application=application)
        return service

    return decorate


def deferred(build: Callable[[], Starlette]) -> Starlette:
    """An application that calls `build` when it starts and then serves the application that `build` returned."""

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncIterator[None]:
        _allow_connections()
        inner = build()
        outer.router.routes[:] = [Mount("/", inner)]  # each start builds a new one
        with no_orphan():
            async with inner.router.lifespan_context(inner):
                yield

    return Starlette(lifespan=lifespan)


def _allow_connections() -> None:
    """Let this process open as many files as the system allows it: each connection is one.

    The usual limit is 1,024, beyond which a server accepts nobody. Clients reach it that connect and send nothing.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:  # which some systems do not take for this limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
