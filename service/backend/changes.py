"""What a person changes on the page: which version is live, and which projects runs learn from.

Each change has a page that says what it will do, with a form that does it. The form carries what the person decided on
(the live version at that time): if that has changed meanwhile, nothing is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from service.backend.line import BY_HAND, ChangeRefused, forced
from service.backend.page import TEMPLATES
from service.backend.page.assets import POLICY
from service.backend.projects import Projects
from service.backend.protocols import Uncancellable
from service.errors import Cause, cause_of
from service.metrics import failures
from service.runs.run import Run
from service.versions.history import Conflict
from service.versions.lineage import FormatError, Lineage
from service.versions.names import version_of
from service.versions.store import UnknownVersion
from service.web.bodies import Bodies
from service.web.form_token import FormTokens
from service.web.routes import RequestRefused
from service.web.same_origin import require_same_origin
from service.web.trusted import require_trusted

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

log = logging.getLogger(__name__)

FORM_BYTES = 1 << 16
AGAINST = "against"
"""The box by which a person says that a version is to serve against its verdict."""


class Change(NamedTuple):
    """A change that is to be confirmed."""

    title: str
    told: list[str]
    """What it does, in sentences."""
    button: str
    seen: str
    """What it was decided on: it is done only if this is still so."""
    verdict: str
    """Why it would be against the verdict; empty where it is not."""
    back: str
    """The way to the status page."""
    do: Callable[[], object]
    """Does it. Raises what VersionLine raises."""


async def serve(request: Request) -> Response:
    """Make a version live."""
    supervisor = _supervisor(request)
    version = request.path_params["version"]
    lineage = supervisor.lineage(version)
    if lineage is None:
        raise RequestRefused(404, f"There is no version {version!r}; nothing was changed.", Cause.BAD_REQUEST)
    return await _answer(request, _serve(supervisor, lineage, await _form(request)))


async def rollback(request: Request) -> Response:
    """Make the version before the live one live again."""
    return await _answer(request, _rollback(_supervisor(request), await _form(request)))


async def cancel(request: Request) -> Response:
    """End a run that is at work."""
    supervisor = _supervisor(request)
    run = supervisor.run(request.path_params["run"])
    if run is None:
        raise RequestRefused(404, "There is no such run; nothing was changed.", Cause.BAD_REQUEST)
    return await _answer(request, _cancel(supervisor, run))


async def leave_out(request: Request) -> Response:
    """Let no run learn from a project."""
    project, projects = _project(request)
    told = [
        "The next runs do not learn from it and are not judged by it, until you take it in again.",
        "What the live version has learnt stays, and so do all annotations.",
        "Its tasks are pre-annotated as before.",
    ]
    title = f"Leave project {project} out of runs?"
    return await _answer(request, _of_project(projects, title, told, "Leave out", partial(projects.leave_out, project)))


async def take_in(request: Request) -> Response:
    """Let runs learn from a project again."""
    project, projects = _project(request)
    told = ["The next runs learn from it and are judged by it."]
    title = f"Take project {project} in again?"
    return await _answer(request, _of_project(projects, title, told, "Take in", partial(projects.take_in, project)))


async def forget(request: Request) -> Response:
    """Forget a project."""
    project, projects = _project(request)
    told = [
        "Runs learn from it no longer. What the live version has learnt stays, and so do all annotations.",
        "The project comes back when Label Studio calls for it: disconnect the model there first.",
    ]
    do = partial(projects.forget, project, "forgotten by hand")
    return await _answer(request, _of_project(projects, f"Forget project {project}?", told, "Forget", do))


def _serve(supervisor: Supervisor, lineage: Lineage, form: dict[str, str]) -> Change:
    version, live = lineage.version, form.get("seen", _live(supervisor))
    return Change(
        title=f"Serve version {version}?",
        told=[
            f"It replaces {live or 'the base model'}, for all projects that use this backend. No request is lost. "
            "If it does not work, it is taken back.",
            lineage.reason,
        ],
        button="Serve this",
        seen=live,
        verdict="" if lineage.better else f"The verdict on this version is {lineage.decision}: it was held back.",
        back="../../",
        do=lambda: supervisor.line().promote(version, BY_HAND if lineage.better else forced(lineage), live),
    )


def _rollback(supervisor: Supervisor, form: dict[str, str]) -> Change:
    previous = version_of(supervisor.rollout.history.previous)
    seen = form.get("seen", f"{_live(supervisor)} {previous}")
    live, _, before = seen.partition(" ")

    def do() -> None:
        if before != version_of(supervisor.rollout.history.previous):
            raise ChangeRefused(f"The version before {live} is not {before or 'the base model'} any more.")
        supervisor.line().give_up(live, f"Rolled back by hand from {live}.")

    return Change(
        title=f"Roll back to {previous or 'the base model'}?",
        told=[
            f"It replaces {live or 'the base model'}, for all projects that use this backend. No request is lost. No "
            f"run makes {live or 'it'} live again; Serve this does."
        ],
        button="Roll back",
        seen=seen,
        verdict="",
        back="./",
        do=do,
    )


def _cancel(supervisor: Supervisor, run: Run) -> Change:
    told = ["It ends after its current step, without a version. The live version is untouched."]
    if run.phase == "publish" and not run.is_judged:
        told = [
            "It is publishing its version, and ends before that serves. The live version is untouched.",
            "The version may be among the published ones then. Start Training judges it again.",
        ]
    if run.is_judged:
        told = ["Its version is judged already, and what became of it stays. Only the learning curve is not measured."]
    told.append("A Start Training that came during the run starts another one.")
    return Change(
        title=f"Cancel run {run.id}?",
        told=told,
        button="Cancel the run",
        seen="",
        verdict="",
        back="../../",
        do=lambda: supervisor.retraining.cancel(run.id),
    )


def _of_project(projects: Projects, title: str, told: list[str], button: str, decide: Callable[[], object]) -> Change:
    def do() -> None:
        decide()
        projects.flush()

    return Change(title=title, told=told, button=button, seen="", verdict="", back="../../", do=do)


def _project(request: Request) -> tuple[int, Projects]:
    """The project of a request's path, and all projects. Raises RequestRefused where it is not known."""
    project: int = request.path_params["project"]
    projects = _supervisor(request).projects
    if projects.get(project) is None:
        raise RequestRefused(404, f"There is no project {project}; nothing was changed.", Cause.BAD_REQUEST)
    return project, projects


async def _answer(request: Request, change: Change) -> Response:
    """The page that asks, or what its form brings: the status page, or the page with why nothing was changed."""
    require_trusted(request, request.app.state.login, _supervisor(request).settings.is_alone)
    tokens: FormTokens = request.app.state.tokens
    purpose = f"{request.url.path}\n{change.seen}"
    if request.method != "POST":
        return _asked(change, tokens.make(purpose))
    require_same_origin(request)
    form = await _form(request)
    tokens.require(form.get("token", ""), purpose)
    if change.verdict and form.get(AGAINST) != "yes":
        return _asked(change, tokens.make(purpose), "Nothing was changed: tick the box to serve it nevertheless.", 409)
    try:
        await to_thread.run_sync(change.do)
    except (Conflict, ChangeRefused, Uncancellable, UnknownVersion, FormatError) as error:
        return _asked(change, "", str(error), 409)
    except (OSError, RuntimeError, ValueError) as error:
        cause = cause_of(error)
        failures.count(cause)
        log.error("%s failed: %s", request.url.path, error, exc_info=cause is Cause.INTERNAL)
        return _asked(change, "", f"It cannot be done at present: {error}", 503)
    log.info("%s was done by hand on the page", request.url.path)
    return RedirectResponse(change.back, 303)


def _asked(change: Change, token: str, refused: str = "", status: int = 200) -> Response:
    """The page of a change; without a token it only says why nothing was changed."""
    shown = TEMPLATES.get_template("change.html").render(change=change, token=token, refused=refused, against=AGAINST)
    return HTMLResponse(shown, status, headers=POLICY)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; none of a request without."""
    if not hasattr(request.state, "form"):
        bodies: Bodies = request.app.state.bodies
        async with bodies.of(request, FORM_BYTES) as received:
            sent = parse_qs(received.decode("utf-8", "replace"), keep_blank_values=True)
        request.state.form = {name: values[0] for name, values in sent.items()}
    found: dict[str, str] = request.state.form
    return found


def _live(supervisor: Supervisor) -> str:
    """The name of the version that should serve; empty for the base model."""
    return version_of(supervisor.rollout.history.live)


def _supervisor(request: Request) -> Supervisor:
    supervisor: Supervisor = request.app.state.supervisor
    return supervisor
