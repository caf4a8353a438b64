"""What many tests share: a tiny model, settings in a directory of their own, a Label Studio that is a small server."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))
RECORDINGS = TESTS.parent.parent / "shared" / "label-studio" / "requests"

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

hypothesis.settings.register_profile("here", deadline=None, database=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, database=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

LABEL_CONFIG = """<View>
  <Labels name="label" toName="text">
    <Label value="person"/><Label value="company"/><Label value="city"/>
  </Labels>
  <Text name="text" value="$text"/>
</View>"""

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("SPANLOOP_") or name in ("PROMETHEUS_MULTIPROC_DIR", "BENTOML_HOME"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """`logs.configure` changes the loggers of the whole process."""
    loggers = [logging.getLogger(name) for name in ("service", "training")]
    before = [(one.handlers, one.level, one.propagate) for one in loggers]
    yield
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers, one.level, one.propagate = handlers, level, propagate


@pytest.fixture(scope="session")
def model_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model (`tests/tiny.py`), made once and kept in pytest's cache."""
    import tiny

    code = hashlib.sha256(Path(tiny.__file__).read_bytes()).hexdigest()[:12]
    cache = getattr(request.config, "cache", None)
    kept = (cache.mkdir("tiny-gliner") if cache else tmp_path_factory.mktemp("kept")) / f"tiny-{code}"
    if not (kept / "model.safetensors").exists():
        made = tiny.build(tmp_path_factory.mktemp("made"))
        partial = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.copytree(made, partial)
        shutil.rmtree(kept, ignore_errors=True)
        partial.replace(kept)
    return kept


@pytest.fixture(scope="session")
def shared_model(model_folder: Path) -> Any:
    """The tiny model, loaded once: for tests that do not change it."""
    from service.model import Model, use_threads

    use_threads(1)
    return Model.load(str(model_folder))


@pytest.fixture
def fresh_model(model_folder: Path) -> Any:
    """The tiny model, for tests that change it."""
    from service.model import Model

    return Model.load(str(model_folder))


@pytest.fixture
def bento_store() -> Iterator[None]:
    """BentoML finds its store once a process; forget it, so that each test has a store of its own."""
    from bentoml._internal.configuration.containers import BentoMLContainer as Container
    from simple_di import sentinel

    def forget() -> None:
        for name in ("bentoml_home", "bento_store", "tmp_bento_store", "model_store"):
            getattr(Container, name)._cache = sentinel
        for name in ("tmp_bento_store_dir", "bento_store_dir", "model_store_dir", "env_store_dir"):
            getattr(Container, name)._cache = sentinel

    forget()
    yield
    forget()


@pytest.fixture
def settings(tmp_path: Path, model_folder: Path) -> Callable[..., Any]:
    """Settings of a backend whose home is the test's own directory; anything may be overridden."""
    from service.settings import Settings

    def make(**overrides: Any) -> Settings:
        return Settings(**{"model": str(model_folder), "home": tmp_path / "home", "threads": 1, **overrides})

    return make


@pytest.fixture
def service_log() -> Iterator[list[str]]:
    """Everything that the service and the training log, formatted as it would be written."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    collector = Collector()
    collector.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("service", "training")]
    for one in loggers:
        one.addHandler(collector)
        one.setLevel(logging.DEBUG)
    yield lines
    for one in loggers:
        one.removeHandler(collector)


def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "the condition") -> Any:
    """Wait until `condition` holds and return what it gave; fail when it does not come to hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come to hold within {seconds} s")


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., Any]:
    return until


@dataclass
class StudioProject:
    """A project of the small Label Studio."""

    label_config: str = LABEL_CONFIG
    annotations: int = 0
    updated_at: str = "2026-11-23T18:42:23.652703Z"
    export: list[dict[str, Any]] = field(default_factory=list)
    unannotated: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Studio:
    """A small server that answers as Label Studio does, as far as the backend and a run ask it."""

    url: str = ""
    projects: dict[int, StudioProject] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: int = 0
    """A status that every request is answered with; 0: none."""
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


@pytest.fixture
def studio() -> Iterator[Studio]:
    """A small Label Studio on a local port."""
    state = Studio()

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
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lineage() -> Callable[..., Any]:
    """A lineage with plausible content; anything may be overridden."""
    from datetime import UTC, datetime

    from service.lineage import Lineage, Score

    score = Score(precision=0.5, recall=0.5, f1=0.5, per_label={"person": 0.5}, support={"person": 3})

    def make(version: str = "20260101-000000-abcdef", **overrides: Any) -> Lineage:
        facts: dict[str, Any] = {
            "version": version,
            "created": datetime(2026, 1, 1, tzinfo=UTC),
            "run": "run-1",
            "base": "tiny-123456",
            "projects": (1,),
            "annotations": (1, 2),
            "digest": f"digest of {version}",
            "recipe": {"steps": 10},
            "code": "0.1.0+abcdef",
            "tasks": {"training": 30, "validation": 5, "held_out": 8},
            "scores": {"base": score, "champion": score, "new": score.model_copy(update={"f1": 0.75})},
            "champion": "tiny-123456",
            "better": True,
            "reason": "F1 on the held-out tasks: 0.500 → 0.750.",
        }
        return Lineage(**{**facts, **overrides})

    return make


@pytest.fixture
def publish(bento_store: None, model_folder: Path, lineage: Callable[..., Any]) -> Callable[..., Any]:
    """Publish the tiny model as a version into a registry."""

    def make(registry: Any, version: str, **overrides: Any) -> Any:
        made = lineage(version, **overrides)
        registry.publish(made, lambda folder: shutil.copytree(model_folder, folder, dirs_exist_ok=True) and None)
        return made

    return make
