"""The routes that Label Studio, people and Prometheus call."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from anyio import CapacityLimiter, move_on_after, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from service.backend.gauges import Gauges
from service.backend.page import render
from service.backend.supervisor import Supervisor
from service.errors import Cause
from service.labelstudio.label_config import LabelConfigError, parse
from service.labelstudio.messages import (
    Job,
    Predict,
    Setup,
    Webhook,
    authorize,
    project_id,
)
from service.metrics.exposition import MEDIA_TYPE, exposition
from service.runs.run import Run
from service.web.routes import Refused, body_of, decode, no_such_route, route

log = logging.getLogger(__name__)

SMALL_BODY = 8 << 20
"""Largest body of everything but predictions, in bytes: it is read without a place, an event's without credentials."""

START_SECONDS = 2.0
"""So long a START_TRAINING waits for the id of its run."""

Handler = Callable[[Supervisor, Request], Awaitable[Response]]


async def health(supervisor: Supervisor, request: Request) -> Response:
    return JSONResponse({"status": "UP", "model_class": "Spanloop", "model_version": supervisor.rollout.version})


async def setup(supervisor: Supervisor, request: Request) -> Response:
    """Label Studio asks which version it would get for a project, before nearly everything it does."""
    body = decode(await body_of(request, min(SMALL_BODY, supervisor.body_limit)), Setup)
    project = project_id(body.project)
    if project is not None:
        supervisor.projects.configure(project, body.extra_params, _config_error(body.schema))
    return JSONResponse(
        {"model_version": supervisor.predictor.version(supervisor.rollout.version, body.schema, project)}
    )


async def predict(supervisor: Supervisor, request: Request) -> Response:
    arrived = time.monotonic()
    async with supervisor.place(request, supervisor.settings.predict_deadline):
        body = decode(await body_of(request, supervisor.body_limit), Predict)
        seconds = supervisor.settings.predict_deadline - (time.monotonic() - arrived)
        items = await supervisor.predictor.predict(body, seconds)
    log.info("predicted %d tasks in %.2f s", len(items), time.monotonic() - arrived)
    return Response(msgspec.json.encode({"results": items}), media_type="application/json")


async def webhook(supervisor: Supervisor, request: Request) -> Response:
    """START_TRAINING comes with credentials. Events come without: they are hints, their content is not trusted."""
    body = decode(await body_of(request, min(SMALL_BODY, supervisor.body_limit)), Webhook)
    if body.action == "START_TRAINING":
        authorize(request, supervisor.settings)
        return await _start(supervisor, body)
    if body.action.startswith("ANNOTATION"):
        supervisor.retraining.hint()
    return JSONResponse({"status": "ok"}, 201)


async def train(supervisor: Supervisor, request: Request) -> Response:
    return await _start(supervisor, decode(await body_of(request, min(SMALL_BODY, supervisor.body_limit)), Webhook))


async def live(supervisor: Supervisor, request: Request) -> Response:
    """Which version is live, which a run judges its own against, and which ones were taken back."""
    rollout = supervisor.rollout
    return JSONResponse(
        {"version": rollout.version, "reference": rollout.reference, "given_up": list(rollout.given_up)}
    )


async def versions(supervisor: Supervisor, request: Request) -> Response:
    return JSONResponse({"versions": supervisor.version_names, "message": None})


async def job_status(supervisor: Supervisor, request: Request) -> Response:
    """Where a run stands; without a job the newest."""
    body = decode(await body_of(request, min(SMALL_BODY, supervisor.body_limit)), Job)
    run = supervisor.run(body.job)
    if run is None:
        raise Refused(404, "There is no such run." if body.job else "There is no run yet.", Cause.BAD_REQUEST)
    return JSONResponse(
        {
            "job": run.id,
            "job_status": _status(run),
            "outcome": run.outcome,
            "phase": run.phase,
            "percent": run.percent,
            "detail": run.detail,
            "waits": run.waits,
            "error": run.message if run.outcome == "failed" else None,
            "message": run.message,
            "version": run.version,
            "created_at": run.started.isoformat(),
            "finished_at": run.updated.isoformat() if run.ended else None,
        }
    )


async def page(supervisor: Supervisor, request: Request) -> Response:
    return HTMLResponse(await to_thread.run_sync(render, supervisor, "fragment" in request.query_params))


async def metrics(supervisor: Supervisor, request: Request) -> Response:
    """For Prometheus. In a thread that nothing else waits for: it reads files."""
    gauges: Gauges = request.app.state.gauges
    found = await to_thread.run_sync(lambda: exposition(gauges.families()), limiter=request.app.state.scrapes)
    return Response(found, media_type=MEDIA_TYPE)


def build(supervisor_factory: Callable[[], Supervisor]) -> Starlette:
    """The application; the supervisor is made when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.supervisor = supervisor = supervisor_factory()
        app.state.gauges, app.state.scrapes = Gauges(supervisor), CapacityLimiter(1)
        supervisor.start()
        try:
            yield
        finally:
            await to_thread.run_sync(supervisor.close)

    routes = [
        _route("/health", health),
        _route("/setup", setup, "POST"),
        _route("/predict", predict, "POST"),
        _route("/webhook", webhook, "POST", open_to_all=True),
        _route("/train", train, "POST"),
        _route("/versions", versions),
        _route("/live", live),
        _route("/job_status", job_status, "POST"),
        _route("/metrics", metrics),
        _route("/", page),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: no_such_route})


def _route(path: str, handler: Handler, method: str = "GET", *, open_to_all: bool = False) -> Route:
    """One route: the caller is authenticated, unless it is open to all."""

    async def guarded(request: Request) -> Response:
        supervisor: Supervisor = request.app.state.supervisor
        # Prometheus asks the pod itself; what came through an ingress came from outside.
        scraped = path == "/metrics" and "x-forwarded-for" not in request.headers
        if not (open_to_all or (scraped and supervisor.settings.metrics_open)):
            authorize(request, supervisor.settings)
        return await handler(supervisor, request)

    return route(path, guarded, method)


async def _start(supervisor: Supervisor, body: Webhook) -> Response:
    """Answer a START_TRAINING at once. Where the project trains on submission, wait until it has become quiet.

    A run's id depends on how the annotations stand, which Label Studio is asked for: where that takes long, the answer
    does not wait for it. The run starts all the same, and the page shows it.
    """
    project = body.known_project
    if project.id is not None:
        supervisor.projects.see(project.id)
    if project.min_annotations_to_start_training:
        supervisor.retraining.submitted()
        return JSONResponse({"status": "ok", "job": None, "message": "a run starts when it has become quiet"}, 201)
    run = None
    with move_on_after(START_SECONDS):
        run = await to_thread.run_sync(supervisor.retraining.start, "Start Training", abandon_on_cancel=True)
    if run is None:
        message = "Label Studio is slow to say how its annotations stand; the run starts when it has."
        return JSONResponse({"status": "ok", "job": None, "message": message}, 201)
    return JSONResponse({"status": "ok", "job": run.id, "job_status": _status(run), "message": run.message}, 201)


def _status(run: Run) -> str:
    """A run's standing in the words of Label Studio's ML API."""
    if not run.ended:
        return "queued" if run.phase == "waiting" else "started"
    return "failed" if run.outcome == "failed" else "finished"


def _config_error(label_config: str | None) -> str:
    try:
        parse(label_config or "")
    except LabelConfigError as error:
        return str(error)
    return ""
