"""The program that `helm test` runs, against servers with fixed answers of the backend and the API server."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from chart import CHART

FILE = CHART / "files" / "check.py"
CHECK = runpy.run_path(str(FILE))
WELL = {"status": "UP"}
FOUND = {"results": [{"result": [{"id": "a"}], "score": 0.9, "model_version": "v1"}]}


@contextmanager
def answering(answers: dict[str, tuple[int, Any]]) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A server with fixed answers; it gives its address and notes path, credentials and body of each request."""
    asked: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append((self.path, self.headers.get("authorization", ""), json.loads(body or "null")))
            status, answer = answers.get(self.path, (404, {}))
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_backend_that_is_well_and_predicts_passes():
    with (
        answering({"/health": (200, WELL), "/predict": (200, FOUND)}) as (url, asked),
        httpx.Client(base_url=url) as client,
    ):
        assert CHECK["health"](client) == "UP"
        assert CHECK["predict"](client) == "1 spans by v1"
    body = asked[1][2]
    assert body["tasks"][0]["data"]["text"]
    assert "$text" in body["label_config"]


@pytest.mark.parametrize("up", [True, False])
def test_what_the_backend_needs_and_cannot_use_fails_by_name(up):
    known = {"registry": {"up": up, "since": "x"}, "api_server": {"up": True, "since": "x"}}
    with (
        answering({"/health": (200, WELL | {"dependencies": known})}) as (url, _),
        httpx.Client(base_url=url) as client,
    ):
        if up:
            assert CHECK["dependencies"](client) == "registry, api_server"
        else:
            with pytest.raises(CHECK["Failed"], match=r"cannot use registry\. "):
                CHECK["dependencies"](client)


@pytest.mark.parametrize("results", [[], [{"error": "no extractor"}], [{}, {}]])
def test_an_answer_without_a_prediction_fails(results):
    with (
        answering({"/predict": (200, {"results": results})}) as (url, _),
        httpx.Client(base_url=url) as client,
        pytest.raises(CHECK["Failed"]),
    ):
        CHECK["predict"](client)


@pytest.mark.parametrize("allowed", [True, False])
def test_the_api_server_is_asked_whether_jobs_may_be_created(allowed):
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    with (
        answering({path: (201, {"status": {"allowed": allowed}})}) as (url, asked),
        httpx.Client(base_url=url) as client,
    ):
        if allowed:
            assert CHECK["may_create_jobs"](client, "team") == "may be created in team"
        else:
            with pytest.raises(CHECK["Failed"], match="may not create Jobs in team"):
                CHECK["may_create_jobs"](client, "team")
    assert asked[0][2]["spec"]["resourceAttributes"] == {
        "namespace": "team",
        "verb": "create",
        "group": "batch",
        "resource": "jobs",
    }


def test_the_program_uses_the_credentials_and_ends_with_what_failed():
    with answering({"/health": (503, {})}) as (url, asked):
        env = {
            "SPANLOOP_URL": url,
            "SPANLOOP_NAMESPACE": "team",
            "SPANLOOP_BASIC_AUTH_USERNAME": "ls",
            "SPANLOOP_BASIC_AUTH_PASSWORD": "pw",
        }
        done = subprocess.run([sys.executable, str(FILE)], env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "failed: Server error '503" in done.stderr
    assert asked[0][1].startswith("Basic ")
