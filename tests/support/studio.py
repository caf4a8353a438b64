"""A fake Label Studio that answers the requests of a backend and of a run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDINGS = Path(__file__).parents[3] / "shared" / "label-studio" / "requests"
"""Requests recorded from Label Studio 1.23.2; they may be missing."""

LABEL_CONFIG = """<View>
  <Labels name="label" toName="text">
    <Label value="person"/><Label value="company"/><Label value="city"/>
  </Labels>
  <Text name="text" value="$text"/>
</View>"""

KEY = "0123456789abcdef0123456789abcdef01234567"
PERSONAL_KEY = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiIxIiwiZXhwIjo0MTAyNDQ0ODAwfQ.c2lnbmF0dXJl"
"""A personal access token: a JWT that ends in the year 2100."""

LOGIN_PAGE = "<!DOCTYPE html><title>Log in</title>"
JSON = "application/json"
PAGE_TASKS = 100


@dataclass
class StudioProject:
    """A project of the fake Label Studio."""

    label_config: str = LABEL_CONFIG
    annotations: int = 0
    updated_at: str = "2026-11-23T18:42:23.652703Z"
    export: list[dict[str, Any]] = field(default_factory=list)
    unannotated: list[dict[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=lambda: ["http://testserver"])
    """The addresses of its models; by default that of a backend under Starlette's test client."""
    state: str = "CO"
    """The state of these models."""
    is_interactive: bool = True
    webhooks: list[dict[str, Any]] | None = None
    """None: the one for each model that Label Studio makes by itself."""
    model_version: str = "Spanloop"
    """What it shows predictions of; connecting a model sets its title."""
    predicted: dict[str, int] = field(default_factory=dict)
    """How many tasks have a prediction of a version."""
    tasks: int = 0
    """How many tasks it has, where that matters."""
    title: str = "project"


@dataclass
class Studio:
    """The state and the answers of a fake Label Studio."""

    url: str = ""
    projects: dict[int, StudioProject] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: int = 0
    """The status of every answer; 0: each request gets its real answer."""
    authorizations: list[str] = field(default_factory=list)
    prefix: str = ""
    """The path below which alone it answers, as `/ls`."""
    page_below: str | None = None
    """Every path that begins with this is answered with a login page; None: none is."""
    page_status: int = 200
    redirects_to: str = ""
    """Where every request is redirected to; empty: nowhere."""
    granted: list[str] = field(default_factory=list)
    """The access tokens that were given for the personal one; only the last is fresh."""
    requests_a_token: int = 0
    """After so many requests an access token has expired; 0: never."""
    users: dict[int, str] = field(default_factory=dict)
    """The e-mail addresses of its users by their ids."""
    blocks: dict[str, str] = field(default_factory=dict)
    """What it says against the address of a model (`ml`) or a webhook (`webhooks`) that it refuses."""
    makes_all: bool = False
    """Whether it makes every model and webhook that it is asked for, as no release that is known does."""
    keeps_all: bool = False
    """Whether it refuses to delete a model or a webhook."""
    invalid: dict[str, Any] = field(default_factory=lambda: {"validation_errors": {"project": ["It is required."]}})
    """How it says that a model or a webhook that it was asked for is not valid."""
    ahead: float = 0.0
    """Seconds by which its clock is ahead of this machine's."""
    asks_models: Callable[[int], object] = lambda project: None
    """What it does before it lists a project's models, as calling /setup of each."""

    def annotate(self, project: int, more: int = 1) -> None:
        known = self.projects[project]
        known.annotations += more
        known.updated_at = f"2026-11-23T19:00:{known.annotations % 60:02d}.000000Z"

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """A status, and what is sent as JSON; bytes are sent as a page."""
        if self.broken:
            return self.broken, {"detail": "broken", "id": "6b1c3a52-0000-0000-0000-000000000000"}
        if path.strip("/") == "api/version":
            return 200, {"release": "1.23.2"}
        if path.strip("/") == "api/current-user/whoami":
            return 200, {"id": 1, "email": "anna@example.com"}
        if path.strip("/") == "api/users":
            return 200, [{"id": user, "email": email} for user, email in self.users.items()]
        if path.strip("/") == "api/ml":
            return self._models(int(query["project"][0]))
        if path.strip("/") == "api/tasks":
            project = self.projects.get(int(query["project"][0]))
            if project is None:
                return 404, {"detail": "Not found."}
            if '"filter:tasks:predictions_model_versions"' in query.get("query", [""])[0]:
                ((version,),) = [one["value"] for one in json.loads(query["query"][0])["filters"]["items"]]
                return 200, {"tasks": [], "total": project.predicted.get(version, 0)}
            if '"filter:tasks:id"' in query.get("query", [""])[0]:
                return self._page(project.export, query)
            if '"equal"' in query.get("query", [""])[0]:
                begin = (int(query.get("page", ["1"])[0]) - 1) * PAGE_TASKS
                tasks = project.unannotated[begin : begin + PAGE_TASKS]
                if begin and not tasks:
                    return 404, {"detail": "Invalid page."}
                return 200, {"tasks": tasks, "total": len(project.unannotated), "total_annotations": 0}
            task = {"id": 1, "updated_at": project.updated_at, "data": {"text": "x"}}
            tasks = [task] if project.annotations else []
            return 200, {"tasks": tasks, "total": len(tasks), "total_annotations": project.annotations}
        if path.strip("/") == "api/projects":
            shown = [*self.projects][: int(query["page_size"][0])]
            return 200, {"count": len(self.projects), "results": [{"id": number} for number in shown]}
        if path.strip("/") == "api/webhooks":
            return 200, self._webhooks(self.projects[int(query["project"][0])])
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "projects"] and len(parts) >= 3:
            project = self.projects.get(int(parts[2]))
            if project is None:
                return 404, {"detail": "Not found."} if len(parts) == 3 else b"<h1>Not Found</h1>"
            if len(parts) == 3:
                said = {"label_config": project.label_config, "model_version": project.model_version}
                return 200, {"id": int(parts[2]), "title": project.title, "task_number": project.tasks, **said}
        return 404, {"detail": f"no such path {path}"}

    def authorize(self, path: str, header: str, body: bytes) -> tuple[int, Any] | None:
        """An exchange of the personal access token, and the refusal of a key that is none; None for any other."""
        if path.strip("/") == "api/token/refresh":
            if json.loads(body or b"{}").get("refresh") != PERSONAL_KEY:
                return 401, {"detail": "Token is invalid or expired"}
            self.granted.append(f"access-{len(self.granted) + 1}")
            self._used = 0
            return 200, {"access": self.granted[-1]}
        if header == f"Token {KEY}" or path.strip("/") == "api/version":  # this it tells everyone
            return None
        self._used += 1
        is_fresh = not self.requests_a_token or self._used <= self.requests_a_token
        if self.granted and header == f"Bearer {self.granted[-1]}" and is_fresh:
            return None
        return 401, {"detail": "Invalid token."}

    _used: int = 0
    """How many requests the last access token was shown with."""

    def _page(self, tasks: list[dict[str, Any]], query: dict[str, list[str]]) -> tuple[int, Any]:
        """The tasks behind the id that the query names, as many as its page_size."""
        conditions = json.loads(query["query"][0])["filters"]["items"]
        after = next(one["value"] for one in conditions if one["filter"] == "filter:tasks:id")
        left = sorted((task for task in tasks if task["id"] > after), key=lambda task: task["id"])
        return 200, {"tasks": left[: int(query["page_size"][0])], "total": len(left)}

    def change(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        """A PATCH of a project's model_version: Label Studio takes a title or a version that has predictions. A POST
        of a model or a webhook is refused."""
        if method == "DELETE":
            return (403, {"detail": "You may not."}) if self.keeps_all else (200, {})
        if method == "POST":
            return self._refused(path.strip("/").removeprefix("api/"))
        project = self.projects[int(path.strip("/").split("/")[2])]
        if sent["model_version"] not in ("Spanloop", *project.predicted):
            return 400, {"validation_errors": {"model_version": ["Model version doesn't exist"]}}
        project.model_version = sent["model_version"]
        return 200, {}

    def _models(self, number: int) -> tuple[int, Any]:
        project = self.projects.get(number)
        if project is None:
            return 404, {"detail": "No Project matches the given query."}
        self.asks_models(number)
        return 200, [
            {
                "id": 1,
                "title": "Spanloop",
                "url": url,
                "project": number,
                "state": project.state,
                "is_interactive": project.is_interactive,
            }
            for url in project.models
        ]

    def _webhooks(self, project: StudioProject) -> list[dict[str, Any]]:
        if project.webhooks is not None:
            return project.webhooks
        made = {"is_active": True, "send_for_all_actions": True, "actions": []}
        return [{"url": f"{url.rstrip('/')}/webhook", **made} for url in project.models]

    def _refused(self, kind: str) -> tuple[int, Any]:
        """What it says to a model without a project, or a webhook without a right action; it makes neither."""
        if self.makes_all:
            return 201, {"id": 9}
        if self.blocks.get(kind):
            return 403, {"detail": self.blocks[kind]}
        return 400, {"detail": "Validation error", **self.invalid}


@contextmanager
def served(state: Studio, port: int = 0) -> Iterator[Studio]:
    """Serve `state` on a local port (0: a free one) while the context lasts, and set its `url`."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            sent = self.rfile.read(length)
            parts = urlsplit(self.path)
            state.asked.append(f"{self.command} {parts.path}")
            header = self.headers.get("authorization", "")
            state.authorizations.append(header)
            path = parts.path.removeprefix(state.prefix)
            if state.redirects_to:
                self._send(302, b"", "text/html", state.redirects_to)
            elif not parts.path.startswith(f"{state.prefix}/"):
                self._send(404, b"<h1>Not Found</h1>", "text/html")
            elif state.page_below is not None and path.startswith(state.page_below):
                self._send(state.page_status, LOGIN_PAGE.encode(), "text/html; charset=utf-8")
            else:
                refused = None if state.broken else state.authorize(path, header, sent)
                status, body = refused or self._answer(path, parse_qs(parts.query), sent)
                is_page = isinstance(body, bytes)
                self._send(status, body if is_page else json.dumps(body).encode(), "text/html" if is_page else JSON)

        def _answer(self, path: str, query: dict[str, list[str]], sent: bytes) -> tuple[int, Any]:
            if self.command == "GET" or state.broken:
                return state.answer(self.command, path, query)
            return state.change(self.command, path, json.loads(sent or b"null"))

        def _send(self, status: int, payload: bytes, kind: str, location: str = "") -> None:
            self.send_response(status)
            if status != HTTPStatus.NO_CONTENT:
                self.send_header("content-type", kind)
            self.send_header("content-length", str(len(payload)))
            if location:
                self.send_header("location", location)
            self.end_headers()
            self.wfile.write(payload)

        def do_HEAD(self) -> None:
            self._send(200, b"", "text/html")

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + state.ahead)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}{state.prefix}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
