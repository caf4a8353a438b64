"""Nothing of a server is left when `bentoml serve` is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.settings import ROOT
from tests.support.servers import free_port

SERVICE = '''
import os
import bentoml
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from service.web.bentoml_service import serves

async def process(request):
    return PlainTextResponse(str(os.getpid()))

@serves(lambda: Starlette(routes=[Route("/process", process)]))
@bentoml.service(name="small")
class Small:
    """A service that tells the id of its process."""
'''


def process_at(port: int) -> int:
    """The id of the process that serves; 0 if nothing does."""
    try:
        return int(httpx.get(f"http://127.0.0.1:{port}/process").raise_for_status().text)
    except httpx.HTTPError:
        return 0


@pytest.fixture
def start(tmp_path, until):
    """`bentoml serve` with the service, and the id of the process that serves."""
    (tmp_path / "small.py").write_text(SERVICE)
    port, started = free_port(0), []
    program = [str(Path(sys.executable).parent / "bentoml"), "serve", "small:Small", "--host", "127.0.0.1"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "BENTOML_HOME": str(tmp_path)}

    def make():
        parent = subprocess.Popen([*program, "--port", str(port)], cwd=tmp_path, env=environment)
        started.append(parent)
        return parent, until(lambda: process_at(port), 120, "the service"), port

    yield make
    for parent in started:
        parent.terminate()
        parent.wait(60)


def test_after_bentoml_serve_is_killed_the_port_is_free_and_a_new_start_serves(start, until):
    parent, serving, port = start()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        until(lambda: not Path(f"/proc/{serving}").exists(), 60, "the end of the process that served")
    finally:
        if Path(f"/proc/{serving}").exists():
            os.kill(serving, signal.SIGKILL)
    _, again, same_port = start()
    assert (again != serving, same_port) == (True, port)
