"""One process serves a service, as in a pod."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from service.settings import ROOT
from tests.support.servers import free_port

SERVICE = '''
import asyncio
import bentoml
from contextlib import asynccontextmanager
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def slow(request):
    Path("asked").touch()
    while not Path("go-on").exists():
        await asyncio.sleep(0.01)
    return PlainTextResponse("answered")

async def loop(request):
    return PlainTextResponse(type(asyncio.get_running_loop()).__module__)

@asynccontextmanager
async def lifespan(app):
    yield
    Path("left").touch()

@bentoml.service(name="small")
@bentoml.asgi_app(Starlette(routes=[Route("/slow", slow), Route("/loop", loop)], lifespan=lifespan), path="/")
class Small:
    """A service with a route that waits for a file, and a route that names the event loop's module."""
'''


@pytest.fixture
def served(tmp_path, until):
    """A small service's process and its address."""
    (tmp_path / "small.py").write_text(SERVICE)
    port = free_port(0)
    command = [sys.executable, "-m", "service.web.serve", "small:Small", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "BENTOML_HOME": str(tmp_path)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment)
    url = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None
        try:
            return httpx.get(f"{url}/livez").is_success
        except httpx.TransportError:
            return False

    until(answers, 60, "the service")
    yield process, url
    process.kill()
    process.wait()


def test_one_process_serves(served):
    process, url = served
    assert httpx.get(f"{url}/readyz").is_success
    children = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/children")]
    assert "".join(children) == ""
    assert httpx.get(f"{url}/loop").text == "uvloop"


def test_after_sigterm_a_running_request_is_answered_before_the_process_ends(served, tmp_path, until):
    process, url = served
    answers = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/slow", timeout=60).text))
    asking.start()
    until(lambda: (tmp_path / "asked").exists(), 60, "the request")
    process.send_signal(signal.SIGTERM)

    def refuses():
        try:
            httpx.get(f"{url}/livez")
        except httpx.TransportError:
            return True
        return False

    until(refuses, 60, "the end of listening")
    assert answers == []
    (tmp_path / "go-on").touch()
    asking.join(60)
    assert answers == ["answered"]
    assert process.wait(60) == -signal.SIGTERM
    assert (tmp_path / "left").exists()


def test_a_service_that_cannot_be_built_ends_its_process_and_says_why(tmp_path):
    (tmp_path / "home").mkdir()
    settings = {"BENTOML_HOME": str(tmp_path / "home"), "KUBECONFIG": "/dev/null", "SPANLOOP_LOG_JSON": "true"}
    command = [sys.executable, "-m", "service.web.serve", "service.main:Backend", "--port", str(free_port(0))]
    environment = {**os.environ, **settings}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert any("neither a service account's token nor a kubeconfig" in line["message"] for line in lines)
