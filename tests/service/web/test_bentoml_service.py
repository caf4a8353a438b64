"""Which modules each process of a service imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from service.settings import ROOT
from service.web.bentoml_service import deferred


def imported(program: str, *names: str) -> list[str]:
    """Which of these modules a program imports."""
    reporting = f"import sys\n{program}\nprint(*[name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", reporting], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_process_that_starts_a_service_does_not_import_its_application():
    assert imported("import service.main", "torch", "kubernetes", "service.backend.app", "service.extractor.app") == []


def test_the_backend_of_a_cluster_holds_no_torch_and_no_models_of_kubernetes():
    serving = "from service.main import backend\nbackend()"
    assert imported(serving, "service.backend.app", "torch", "kubernetes.client.api.core_v1_api") == [
        "service.backend.app"
    ]


@pytest.mark.parametrize("program", ["service.main.backend()", "service.main.spanloop()"])
def test_no_backend_holds_label_studios_sdk(program):
    serving = f"import service.main\n{program}"
    assert imported(serving, "service.labelstudio.client", "label_studio_sdk") == ["service.labelstudio.client"]


def test_an_application_is_built_when_it_starts_and_ends_with_it():
    events = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.greeting = "hello"
        events.append("started")
        yield
        events.append("ended")

    async def greet(request: Request) -> JSONResponse:
        return JSONResponse(request.app.state.greeting)

    def build() -> Starlette:
        events.append("built")
        return Starlette(routes=[Route("/greet", greet)], lifespan=lifespan)

    app = deferred(build)
    assert events == []
    with TestClient(app) as client:
        assert events == ["built", "started"]
        assert client.get("/greet").json() == "hello"
        assert client.post("/greet").status_code == 405
        assert client.get("/else").status_code == 404
    assert events[-1] == "ended"
