"""The extractor's routes: questions from the backend, readiness for the cluster, metrics for Prometheus."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.errors import Cause, cause_of
from service.extractor.engine import Engine
from service.extractor.loaded import Loaded
from service.extractor.questions import Unavailable
from service.extractor.settings import ExtractorSettings
from service.extractor.wire import Ask, encode_answer
from service.metrics import failures
from service.metrics.exposition import MEDIA_TYPE, exposition
from service.metrics.gauges import live_version
from service.metrics.requests import running
from service.versions.names import version_of
from service.versions.trust import Trust
from service.web.bodies import Bodies
from service.web.presence import while_connected
from service.web.routes import EXCEPTION_HANDLERS, RequestRefused, decode, route

log = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""Seconds before the next try to load a model that could not be loaded: a hub or a volume may come back."""


CLOSE_SECONDS = 5.0
"""Seconds that the program waits at its end for a model that is being loaded."""
BODIES = 8
"""Bodies of the largest size that are held at a time: each is freed when its questions wait for the model."""
ANSWER_SECONDS_MAX = 100.0
"""The most seconds that a request may wait for its answer. Label Studio waits as long."""


class Loader:
    """Loads one model into an engine. It does so in a thread, because /livez must answer meanwhile."""

    def __init__(self, settings: ExtractorSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._load, name="loader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(CLOSE_SECONDS)  # a thread that is still downloading ends with the process

    def _load(self) -> None:
        source = served(self._settings)
        while not self._ended.is_set():
            try:
                loaded = self._loaded(source)
            except Exception as error:  # /ready reports every error
                log.exception("the model %s cannot be served; the next try is in %.0f s", source, RETRY_SECONDS)
                cause = cause_of(error, otherwise=Cause.MODEL_LOAD)
                failures.count(cause)
                self._engine.failed(str(error), cause)
                self._ended.wait(RETRY_SECONDS)
            else:
                self._engine.swap(loaded)
                log.info("version %s answers", loaded.version)
                return

    def _loaded(self, source: str) -> Loaded:
        # The import of torch takes seconds. No request waits for this thread.
        from service.extractor.loading import load
        from service.model.computing import use_threads

        use_threads(self._settings.compute_threads)
        settings = self._settings
        if source == settings.model:
            return load(source, settings.device, settings.precision, settings.window_words, settings.convert_pickle)
        Trust.of(settings).check_model(Path(source))
        return load(source, settings.device, settings.precision)


def served(settings: ExtractorSettings) -> str:
    """The live version, where the init container has put it; else the base model."""
    return str(settings.pulled / version_of(settings.live)) if settings.pulled and settings.live else settings.model


async def extract(request: Request) -> Response:
    engine: Engine = request.app.state.engine
    settings: ExtractorSettings = request.app.state.settings
    bodies: Bodies = request.app.state.bodies
    async with bodies.of(request, settings.max_body_mb << 20) as received:
        ask = decode(received, Ask)
    try:
        answer = await while_connected(request, engine.ask(ask.questions, ask.decisive, _seconds(request)))
    except Unavailable as error:
        raise RequestRefused(503, str(error), error.cause) from error
    return Response(encode_answer(answer), media_type="application/json")


def _seconds(request: Request) -> float:
    """Seconds that the client waits for the answer. Raises RequestRefused (400) if they are missing or too many."""
    try:
        seconds = float(request.query_params.get("seconds", ""))
    except ValueError:
        seconds = math.nan
    if not seconds <= ANSWER_SECONDS_MAX:  # also true for NaN
        reason = f"`seconds` in the query must be the seconds to wait for the answer, at most {ANSWER_SECONDS_MAX:.0f}."
        raise RequestRefused(400, reason, Cause.BAD_REQUEST)
    return seconds


async def ready(request: Request) -> Response:
    """200 with the version if a model is loaded and its canary texts have passed, else 503 with the reason, and with
    its cause if the loading failed."""
    engine: Engine = request.app.state.engine
    if engine.version is not None:
        return JSONResponse({"version": engine.version})
    if engine.why_not:
        return JSONResponse({"error": engine.why_not, "cause": engine.cause}, 503)
    return JSONResponse({"error": "The model is being loaded."}, 503)


async def metrics(request: Request) -> Response:
    engine: Engine = request.app.state.engine
    gauges = [running(), live_version(engine.version), *engine.gauges()]
    return Response(exposition(gauges), media_type=MEDIA_TYPE)


def build(settings: ExtractorSettings) -> Starlette:
    """The application; its model is loaded when it starts."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.settings = settings
        app.state.bodies = Bodies(BODIES * (settings.max_body_mb << 20))
        app.state.engine = engine = Engine()
        loader = Loader(settings, engine)
        loader.start()
        try:
            yield
        finally:
            await to_thread.run_sync(loader.close)
            await to_thread.run_sync(engine.close)

    routes = [route("/extract", extract, "POST"), route("/ready", ready), route("/metrics", metrics)]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS)
