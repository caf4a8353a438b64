"""What a stranger reaches of the servers: Spanloop's own routes and two probes, and nothing that runs a request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.settings import ROOT, STARTER
from tests.support.api_server import ApiServer
from tests.support.api_server import served as api_served
from tests.support.servers import Server, free_port
from tests.support.tripwire import Tripwire

PROBES = {"/livez", "/readyz"}
STRANGE = [
    "/anything",
    "/infer",
    "/predict/submit",
    "/train/status",
    "/train/retry",
    "/__call__",
    "/assets/index.js",
    "/static_content/index.css",
    "/static_content/..%2f..%2f..%2fbase_app.py",
    "/static/..%2f..%2fapp.py",
    "/versions/..%2f..%2f..%2f/report.html",
]
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")

PROGRAMS = {
    "Spanloop": [str(Path(sys.executable).parent / "bentoml"), "serve", "--working-dir", str(ROOT)],
    "Backend": [sys.executable, "-m", "service.web.serve"],
    "Extractor": [sys.executable, "-m", "service.web.serve"],
}
"""Each service, and the program that serves it."""


@pytest.fixture(scope="module", params=PROGRAMS)
def served(request, tmp_path_factory):
    """A service's name and a client of its real server, as users and the chart start it."""
    home, name, port = tmp_path_factory.mktemp(request.param.lower()), request.param, free_port(0)
    (home / "bentoml").mkdir()
    with api_served(ApiServer(), home) as kubeconfig:
        environment = {
            "PYTHONPATH": str(ROOT),
            "HF_HUB_OFFLINE": "1",
            "BENTOML_HOME": str(home / "bentoml"),
            "SPANLOOP_HOME": str(home),
            "SPANLOOP_MODEL": str(STARTER),
            "SPANLOOP_THREADS": "1",
            "KUBECONFIG": str(kubeconfig),
            "SPANLOOP_NAMESPACE": "here",
            "SPANLOOP_RELEASE": "spanloop",
            "SPANLOOP_EXTRACTOR_DEPLOYMENT": "extractor",
            "SPANLOOP_EXTRACTOR_URL": "http://127.0.0.1:9",
        }
        command = [*PROGRAMS[name], f"service.main:{name}", "--host", "127.0.0.1", "--port", str(port)]
        server = Server(name, command, environment, f"http://127.0.0.1:{port}", home / "log.txt")
        try:
            server.wait(path="/livez")
            with httpx.Client(base_url=server.url, timeout=60) as client:
                yield name, client
        finally:
            server.stop()


@pytest.fixture(scope="module")
def routes(served):
    """The paths of BentoML's own routes, and those of Spanloop."""
    name, _ = served
    asking = f"""
import json, service.main
bentomls, ours = service.main.{name}.to_asgi().routes, service.main.{name.lower()}().routes
print(json.dumps([[route.path for route in routes if hasattr(route, "endpoint")] for routes in (bentomls, ours)]))
"""
    environment = {**os.environ, "SPANLOOP_MODEL": str(STARTER)}
    done = subprocess.run(
        [sys.executable, "-c", asking], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    bentomls, ours = json.loads(done.stdout.splitlines()[-1])
    return bentomls, [path.replace("{project:int}", "1").replace("{", "").replace("}", "") for path in ours]


@pytest.fixture
def tripwire(tmp_path):
    return Tripwire(tmp_path / "tripped")


def hostile(tripwire):
    """Headers and bodies that some way of BentoML, or of a careless service, would run."""
    pickled = tripwire.pickled
    form = httpx.Request("POST", "http://x", files={"data": ("data.pkl", pickled, "application/vnd.bentoml+pickle")})
    yield {"content-type": "application/vnd.bentoml+pickle"}, pickled
    yield {"content-type": "application/vnd.bentoml+pickle", "buffer-lengths": str(len(pickled))}, pickled
    yield {"content-type": "Application/VND.BentoML+Pickle; charset=utf-8"}, pickled
    runner = {"args-number": "1", "batch-size": "1", "payload-meta": '{"format": "pickle5"}'}
    yield (
        {"content-type": "application/vnd.bentoml.pickled", "payload-container": "DefaultContainer", **runner},
        pickled,
    )
    yield {"content-type": "application/vnd.bentoml.multiple_outputs", "args-number": "2"}, pickled
    yield {"content-type": "application/octet-stream", "bentoml-payload-container": "NdarrayContainer"}, pickled
    yield {"content-type": form.headers["content-type"]}, form.read()
    yield {"content-type": "application/x-www-form-urlencoded"}, b"data=" + pickled
    yield {"content-type": "application/yaml"}, tripwire.yaml.encode()
    yield {"content-type": "text/x-python"}, tripwire.program.encode()
    yield (
        {"content-type": "application/json"},
        json.dumps(dict.fromkeys(("schema", "action", "job"), tripwire.template)).encode(),
    )
    yield {"content-type": "application/json"}, pickled


def test_of_bentomls_own_routes_only_the_probes_are_served(served, routes):
    _, client = served
    bentomls, _ = routes
    assert {"/schema.json", "/docs.json", "/healthz"} <= set(bentomls), "BentoML names its routes otherwise"
    open_to_all = {"/", "/metrics"}  # paths that BentoML and Spanloop share are Spanloop's
    for path in {*bentomls, *STRANGE} - PROBES - open_to_all:
        for method in ("POST", *METHODS):
            answer = client.request(method, path)
            assert answer.status_code == httpx.codes.NOT_FOUND, (method, path)
            assert method == "HEAD" or answer.json() == {"error": "Not Found"}, (method, path)
    assert "BentoML" not in client.get("/").text
    for path in PROBES:
        assert client.get(path).text == "\n"


def test_nothing_that_a_stranger_sends_is_run(served, routes, tripwire):
    _, client = served
    paths = {path for paths in routes for path in paths} | set(STRANGE)
    for path in sorted(paths):
        for headers, body in hostile(tripwire):
            answer = client.post(path, headers=headers, content=body)
            assert 400 <= answer.status_code < 500 or "json" in headers["content-type"], (path, headers, answer.text)
        headers, body = next(hostile(tripwire))
        for method in METHODS:
            assert client.request(method, path, headers=headers, content=body).status_code != 500, (method, path)
    assert not tripwire.tripped
    assert client.get("/livez").is_success


def test_nothing_answers_a_web_socket(served):
    _, client = served
    asked = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    for path in ("/", "/livez", "/schema.json"):
        key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
        answer = httpx.get(f"{client.base_url}{path}", headers={**asked, **key}, timeout=60)
        assert answer.status_code == httpx.codes.FORBIDDEN, path


def test_the_same_bytes_run_where_bentoml_unpickles(tmp_path, tripwire):
    """A service that another one depends on unpickles what it is sent: the tests above send what is dangerous."""
    (tmp_path / "body").write_bytes(tripwire.pickled)
    program = """
import sys
from pathlib import Path
import bentoml
from starlette.testclient import TestClient

@bentoml.service(name="unsafe")
class Unsafe:
    @bentoml.api
    def infer(self, data: str) -> str:
        return data

with TestClient(Unsafe.to_asgi(is_main=False), raise_server_exceptions=False) as client:
    client.post("/infer", headers={"content-type": "application/vnd.bentoml+pickle"}, content=Path("body").read_bytes())
"""
    environment = {**os.environ, "BENTOML_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert tripwire.tripped
