"""One process serves a service, as in a pod."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
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
from service.web.bentoml_service import serves

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

@serves(lambda: Starlette())
@bentoml.service(name="ours")
class Ours:
    """A service as Spanloop makes its own."""
'''


@pytest.fixture
def start(tmp_path, until):
    """Start a small service by a command that begins with `prefix`. Gives its process and its address."""
    (tmp_path / "small.py").write_text(SERVICE)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "BENTOML_HOME": str(tmp_path)}
    started = []

    def make(*prefix, name="Small"):
        port = free_port(0)
        command = [sys.executable, "-m", "service.web.serve", f"small:{name}", "--host", "127.0.0.1"]
        process = subprocess.Popen([*prefix, *command, "--port", str(port)], cwd=tmp_path, env=environment)
        started.append(process)
        url = f"http://127.0.0.1:{port}"

        def answers():
            assert process.poll() is None
            try:
                return httpx.get(f"{url}/livez").is_success
            except httpx.TransportError:
                return False

        until(answers, 60, "the service")
        return process, url

    yield make
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def served(start):
    return start()


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


def test_clients_that_connect_and_send_nothing_keep_nobody_out(start):
    few = 64  # files that the process may open unless it asks for more
    _, url = start("prlimit", f"--nofile={few}:4096", name="Ours")
    with ExitStack() as opened:
        for _ in range(2 * few):
            idle = opened.enter_context(socket.create_connection(("127.0.0.1", httpx.URL(url).port), timeout=30))
            idle.sendall(b"GET /heal")
        assert httpx.get(f"{url}/livez", timeout=30).is_success


def test_a_service_that_cannot_be_built_ends_its_process_and_says_why(tmp_path):
    (tmp_path / "home").mkdir()
    settings = {"BENTOML_HOME": str(tmp_path / "home"), "KUBECONFIG": "/dev/null", "SPANLOOP_LOG_JSON": "true"}
    command = [sys.executable, "-m", "service.web.serve", "service.main:Backend", "--port", str(free_port(0))]
    environment = {**os.environ, **settings}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert any("neither a service account's token nor a kubeconfig" in line["message"] for line in lines)
