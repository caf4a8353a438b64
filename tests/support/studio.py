"""A fake Label Studio that answers the requests of a backend and of a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass
class StudioProject:
    """A project of the fake Label Studio."""

    label_config: str = LABEL_CONFIG
    annotations: int = 0
    updated_at: str = "2026-11-23T18:42:23.652703Z"
    export: list[dict[str, Any]] = field(default_factory=list)
    unannotated: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Studio:
    """The state and the answers of a fake Label Studio."""

    url: str = ""
    projects: dict[int, StudioProject] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: int = 0
    """The status of every answer; 0: each request gets its real answer."""
    authorizations: list[str] = field(default_factory=list)

    def annotate(self, project: int, more: int = 1) -> None:
        known = self.projects[project]
        known.annotations += more
        known.updated_at = f"2026-11-23T19:00:{known.annotations % 60:02d}.000000Z"

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.broken:
            return self.broken, {"detail": "broken", "id": "6b1c3a52-0000-0000-0000-000000000000"}
        if path == "/api/token/refresh":
            return 200, {"access": "fresh"}
        if path.strip("/") == "api/tasks":
            project = self.projects.get(int(query["project"][0]))
            if project is None:
                return 404, {"detail": "Not found."}
            if '"equal"' in query.get("query", [""])[0]:
                page = int(query.get("page", ["1"])[0])
                tasks = project.unannotated if page == 1 else []
                return 200, {"tasks": tasks, "total": len(project.unannotated), "total_annotations": 0}
            task = {"id": 1, "updated_at": project.updated_at, "data": {"text": "x"}}
            tasks = [task] if project.annotations else []
            return 200, {"tasks": tasks, "total": len(tasks), "total_annotations": project.annotations}
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "projects"] and len(parts) >= 3:
            project = self.projects.get(int(parts[2]))
            if project is None:
                return 404, {"detail": "Not found."}
            if len(parts) == 3:
                return 200, {"id": int(parts[2]), "title": "project", "label_config": project.label_config}
            if parts[3] == "export":
                return 200, project.export
        return 404, {"detail": f"no such path {path}"}


@contextmanager
def served(state: Studio) -> Iterator[Studio]:
    """Serve `state` on a local port while the context lasts, and set its `url`."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            parts = urlsplit(self.path)
            state.asked.append(f"{self.command} {parts.path}")
            state.authorizations.append(self.headers.get("authorization", ""))
            status, body = state.answer(self.command, parts.path, parse_qs(parts.query))
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
