"""The routes that Label Studio, people and Prometheus call."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from service.backend import changes
from service.backend.gauges import Gauges
from service.backend.health import parts
from service.backend.page import render
from service.backend.page.assets import POLICY, asset
from service.backend.reports import report
from service.backend.settings import BackendSettings
from service.backend.starts import Starts
from service.backend.supervisor import Supervisor
from service.errors import Cause
from service.labelstudio import batches, extra_params
from service.labelstudio.controls import Control
from service.labelstudio.extra_params import ExtraParams
from service.labelstudio.label_config import LabelConfigError, notes, parse
from service.labelstudio.messages import (
    Job,
    Setup,
    Webhook,
    project_id,
)
from service.metrics.exposition import MEDIA_TYPE, exposition
from service.runs.run import Run
from service.versions.names import with_suffix
from service.web.basic_auth import BasicAuth, unauthorized
from service.web.bodies import Bodies
from service.web.form_token import FormTokens
from service.web.presence import while_connected
from service.web.routes import EXCEPTION_HANDLERS, BodyT, RequestRefused, decode, decoded, route
from service.web.same_origin import NoForeignPage, require_same_origin
from service.web.trusted import FORWARDED, is_trusted

log = logging.getLogger(__name__)

SettingsT = TypeVar("SettingsT", bound=BackendSettings)

SMALL_BODY_BYTES = 8 << 20
"""Largest body of everything but predictions, in bytes."""
ANONYMOUS_BODY_BYTES = 1 << 20
"""Largest body of an event, which comes without credentials. A larger one is refused, and nothing is lost: an event is
a hint, and Label Studio is asked from time to time anyway."""
ANONYMOUS_BODIES_BYTES = 16 << 20
"""Bytes that the bodies of requests without credentials hold together."""
BODIES_BYTES = 64 << 20
"""Bytes that all other bodies hold together, besides two of the largest size."""
MAX_TASKS = 10_000
"""Tasks of a prediction. Label Studio sends some hundred at a time."""

START_SECONDS = 2.0
"""So long a START_TRAINING waits for the id of its run."""


async def health(request: Request) -> Response:
    """UP while this backend answers: Label Studio asks no model that is not. The rest says how the parts stand."""
    return JSONResponse({"status": "UP", "model_class": "Spanloop", **parts(_supervisor(request))})


async def setup(request: Request) -> Response:
    """Label Studio asks which version it would get for a project, before nearly everything it does.

    A config that cannot be served is refused: Label Studio shows the model with an error, and asks for no predictions.
    """
    supervisor = _supervisor(request)
    body = await _small(request, Setup)
    project = project_id(body.project)
    params, _ = extra_params.read(body.extra_params)
    suffix, error = "", ""
    controls: Sequence[Control] = ()
    warnings: list[str] = []
    try:
        suffix = await supervisor.predictor.aside(supervisor.predictor.suffix, body.schema, params)
        controls, warnings = await supervisor.predictor.aside(_warnings, body.schema or "", params)
    except LabelConfigError as refusal:
        error = str(refusal)
    if project is not None:
        warning = " ".join([error, *warnings]).strip()
        supervisor.projects.configure(project, body.extra_params, warning, _host(request), suffix)
        supervisor.wordings.keep(project, controls)
    if error:
        raise RequestRefused(400, error, Cause.BAD_CONFIG)
    return JSONResponse({"model_version": with_suffix(supervisor.rollout.version, suffix)})


async def model_version(request: Request) -> Response:
    """The version that Label Studio would get for a project. Unlike /setup it configures nothing."""
    supervisor = _supervisor(request)
    body = await _small(request, Setup)
    said = supervisor.projects.get(project_id(body.project))
    try:
        suffix = await supervisor.predictor.aside(supervisor.predictor.suffix, body.schema, said)
    except LabelConfigError as error:
        raise RequestRefused(400, str(error), Cause.BAD_CONFIG) from error
    return JSONResponse({"model_version": with_suffix(supervisor.rollout.version, suffix)})


async def predict(request: Request) -> Response:
    supervisor = _supervisor(request)
    arrived = time.monotonic()
    deadline = arrived + supervisor.settings.predict_deadline
    async with (
        _bodies(request).of(request, supervisor.body_limit) as received,
        supervisor.admission.place(len(received), max(deadline - time.monotonic(), 1.0)),
    ):
        body = await to_thread.run_sync(decoded, received, batches.decode)
        if len(body.tasks) > MAX_TASKS:
            reason = f"The body has {len(body.tasks):,} tasks; send {MAX_TASKS:,} at a time."
            raise RequestRefused(413, reason, Cause.TOO_LARGE)
        items = await while_connected(request, supervisor.predictor.predict(body, deadline - time.monotonic()))
    log.info("predicted %d tasks in %.2f s", len(items), time.monotonic() - arrived)
    return Response(msgspec.json.encode({"results": items}), media_type="application/json")


async def webhook(request: Request) -> Response:
    """START_TRAINING comes with credentials. Events come without: they are hints, their content is not trusted."""
    body = await _small(request, Webhook)
    if body.action == "START_TRAINING":
        request.app.state.login.require(request)
        return await _start(request, body)
    if body.action.startswith("ANNOTATION"):
        supervisor = _supervisor(request)
        supervisor.retraining.hint()
        supervisor.acceptance.hint()
    return JSONResponse({"status": "ok"}, 201)


async def train(request: Request) -> Response:
    return await _start(request, await _small(request, Webhook))


async def live(request: Request) -> Response:
    """Which version is live, which a run judges its own against, and which ones were taken back."""
    supervisor = _supervisor(request)
    rollout = supervisor.rollout
    return JSONResponse(
        {"version": rollout.version, "reference": rollout.reference, "given_up": list(rollout.history.given_up)}
    )


async def versions(request: Request) -> Response:
    """The names that Label Studio knows versions by. It does not say for which project it asks: those of all are told.

    They are the names that /setup tells and that predictions are stored with.
    """
    supervisor = _supervisor(request)
    return JSONResponse({"versions": supervisor.seen_names, "message": None})


async def job_status(request: Request) -> Response:
    """Where a run stands; without a job the newest."""
    supervisor = _supervisor(request)
    body = await _small(request, Job)
    run = supervisor.run(body.job)
    if run is None:
        raise RequestRefused(404, "There is no such run." if body.job else "There is no run yet.", Cause.BAD_REQUEST)
    return JSONResponse(
        {
            "job": run.id,
            "job_status": _status(run),
            "outcome": run.outcome,
            "phase": run.phase,
            "percent": run.percent,
            "detail": run.detail,
            "waits": run.waits,
            "seconds_left": None if run.ended else run.seconds_left,
            "error": run.message if run.outcome == "failed" else None,
            "message": run.message,
            "version": run.version,
            "created_at": run.started.isoformat(),
            "finished_at": run.updated.isoformat() if run.ended else None,
        }
    )


async def left_out(request: Request) -> Response:
    """The annotated spans that a run does not learn: one JSON object a line, with pieces of the texts."""
    supervisor = _supervisor(request)
    run = supervisor.run(request.path_params["run"])
    path = supervisor.runs.left_out(run.id) if run else None
    if path is None:
        raise RequestRefused(404, "There is no list of spans that this run left out.", Cause.BAD_REQUEST)
    return FileResponse(path, media_type="application/x-ndjson", headers={"X-Content-Type-Options": "nosniff"})


async def page(request: Request) -> Response:
    supervisor = _supervisor(request)
    may_change = is_trusted(request, request.app.state.login, supervisor.settings.is_alone)
    shown = await to_thread.run_sync(render, supervisor, "fragment" in request.query_params, may_change)
    return HTMLResponse(shown, headers=POLICY)


async def prelabel(request: Request) -> Response:
    """The button of the page: start a pre-labelling of a project, then show the page again."""
    require_same_origin(request)
    supervisor = _supervisor(request)
    async with _bodies(request).of(request, SMALL_BODY_BYTES) as received:
        form = parse_qs(received.decode("utf-8", "replace"))
    project = supervisor.projects.get(project_id(form.get("project", [""])[0]))
    if project is None:
        raise RequestRefused(404, "No such project uses this backend; nothing was started.", Cause.BAD_REQUEST)
    try:
        await to_thread.run_sync(supervisor.prelabeller.start, project.id, _own_address(request))
    except (OSError, RuntimeError) as error:
        log.warning("a pre-labelling of project %d cannot be started: %s", project.id, error)
        raise RequestRefused(503, f"The pre-labelling cannot be started: {error}", Cause.RUN_START) from error
    return RedirectResponse("./", 303)


async def metrics(request: Request) -> Response:
    """For Prometheus. In a thread that nothing else waits for: it reads files."""
    # Prometheus asks the pod itself; a forwarded request came from outside, through an ingress.
    if not _supervisor(request).settings.metrics_open or FORWARDED.intersection(request.headers):
        request.app.state.login.require(request)
    gauges: Gauges = request.app.state.gauges
    found = await to_thread.run_sync(lambda: exposition(gauges.families()), limiter=request.app.state.scrapes)
    return Response(found, media_type=MEDIA_TYPE)


def build(settings: SettingsT, compose: Callable[[SettingsT], Supervisor]) -> Starlette:
    """The application. It makes the supervisor with `compose` when it starts, and closes it when it ends."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.supervisor = supervisor = compose(settings)
        app.state.gauges, app.state.scrapes = Gauges(supervisor), CapacityLimiter(1)
        app.state.starts = Starts(partial(supervisor.retraining.start, "Start Training"))
        supervisor.start()
        try:
            yield
        finally:
            await to_thread.run_sync(supervisor.close)

    login = BasicAuth(settings)
    guarded = [Middleware(AuthenticationMiddleware, backend=login, on_error=unauthorized)]
    called = [Middleware(NoForeignPage), *guarded]
    app = Starlette(
        routes=[
            route("/health", health, middleware=guarded),
            route("/setup", setup, "POST", called),
            route("/model_version", model_version, "POST", called),
            route("/predict", predict, "POST", called),
            route("/webhook", webhook, "POST", [Middleware(NoForeignPage)]),
            route("/train", train, "POST", called),
            route("/versions", versions, middleware=guarded),
            route("/versions/{version}/report.html", report, middleware=guarded),
            route("/live", live, middleware=guarded),
            route("/job_status", job_status, "POST", called),
            route("/runs/{run}/left-out", left_out, middleware=guarded),
            route("/metrics", metrics),
            route("/prelabel", prelabel, "POST", guarded),
            route("/versions/{version}/serve", changes.serve, "GET POST", guarded),
            route("/runs/{run}/cancel", changes.cancel, "GET POST", guarded),
            route("/rollback", changes.rollback, "GET POST", guarded),
            route("/projects/{project:int}/forget", changes.forget, "GET POST", guarded),
            route("/projects/{project:int}/leave-out", changes.leave_out, "GET POST", guarded),
            route("/projects/{project:int}/take-in", changes.take_in, "GET POST", guarded),
            route("/static/{name}", asset, middleware=guarded),
            route("/", page, middleware=guarded),
        ],
        lifespan=lifespan,
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.state.login, app.state.tokens = login, FormTokens(settings)
    app.state.bodies = Bodies(BODIES_BYTES + 2 * (settings.max_body_mb << 20))
    app.state.anonymous_bodies = Bodies(ANONYMOUS_BODIES_BYTES)
    return app


def _supervisor(request: Request) -> Supervisor:
    supervisor: Supervisor = request.app.state.supervisor
    return supervisor


async def _small(request: Request, kind: type[BodyT]) -> BodyT:
    """The body of a request that needs no place. Raises RequestRefused (400, 408, 413, 503)."""
    largest = SMALL_BODY_BYTES if request.app.state.login.admits(request) else ANONYMOUS_BODY_BYTES
    async with _bodies(request).of(request, min(largest, _supervisor(request).body_limit)) as received:
        return decode(received, kind)


def _bodies(request: Request) -> Bodies:
    """Where the body of a request is held: those without credentials take nothing from the others."""
    admitted = request.app.state.login.admits(request)
    bodies: Bodies = request.app.state.bodies if admitted else request.app.state.anonymous_bodies
    return bodies


async def _start(request: Request, body: Webhook) -> Response:
    """Answer a START_TRAINING at once. Where the project trains on submission, wait until it has become quiet.

    A run's id depends on how the annotations stand, which Label Studio is asked for: where that takes long, the answer
    does not wait for it. The run starts all the same, and the page shows it.
    """
    supervisor, project = _supervisor(request), body.known_project
    if project.id is not None:
        supervisor.projects.see(project.id, _host(request))
    if project.min_annotations_to_start_training:
        supervisor.retraining.submitted()
        return JSONResponse({"status": "ok", "job": None, "message": "a run starts when it has become quiet"}, 201)
    starts: Starts = request.app.state.starts
    answer = await starts.answer(START_SECONDS)
    if answer is None:
        message = "Label Studio is slow to say how its annotations stand; the run starts when it has."
        return JSONResponse({"status": "ok", "job": None, "message": message}, 201)
    run = answer.run
    return JSONResponse({"status": "ok", "job": run.id, "job_status": _status(run), "message": run.message}, 201)


def _status(run: Run) -> str:
    """A run's standing in the words of Label Studio's ML API."""
    if not run.ended:
        return "queued" if run.phase == "waiting" else "started"
    return "failed" if run.outcome == "failed" else "finished"


def _own_address(request: Request) -> str:
    """Where this process listens, as the server says; a caller's Host header may name anything."""
    host, port = request.scope["server"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _host(request: Request) -> str:
    """What the caller calls this backend by."""
    return request.headers.get("host", "")


def _warnings(label_config: str, params: ExtraParams) -> tuple[Sequence[Control], list[str]]:
    """A config's controls, and what of it and of what its project says of itself has no effect, or needs a look."""
    controls = parse(label_config)
    found = [*notes(label_config)]
    if all(control.is_static for control in controls):
        found += extra_params.unknown_labels(params, [label for control in controls for label, _ in control.labels])
    return controls, found
