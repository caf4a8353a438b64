"""Bodies that do not come, come half, or are too many: they take nothing from other requests."""

from __future__ import annotations

import logging
import select
import socket
from contextlib import ExitStack

import httpx
import pytest

from service.backend import app as backend_app
from service.backend.local import compose
from service.web import bodies

CONFIG = '<View><Labels name="l" toName="t"><Label value="person"/></Labels><Text name="t" value="$text"/></View>'


@pytest.fixture
def server(settings, launches, pods, until):
    """A backend on a port of its own."""

    def start(**overrides):
        app = backend_app.build(settings(**overrides), compose.supervisor)
        pod = pods(app)
        pod.start()
        until(lambda: app.state.supervisor.extractor.version, what="a loaded model")
        return pod

    return start


@pytest.fixture
def stalled():
    """Connections whose body never comes to its end."""
    with ExitStack() as opened:

        def open_one(pod, path, size, sent=b""):
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
            )
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", pod.port), timeout=30))
            connection.sendall(head.encode() + sent)
            return connection

        yield open_one


def predict(pod, *texts):
    body = {"tasks": [{"id": n, "data": {"text": text}} for n, text in enumerate(texts)], "label_config": CONFIG}
    return httpx.post(f"{pod.url}/predict", json=body, timeout=30)


def test_predictions_whose_bodies_do_not_come_take_no_place_from_others(server, stalled, monkeypatch):
    monkeypatch.setattr("service.backend.admission.PREDICTIONS_MAX", 4)
    pod = server()
    for _ in range(20):
        stalled(pod, "/predict", 1000, b'{"tasks": [')
    assert len(predict(pod, "Alice met Bob").json()["results"]) == 1


def test_a_body_that_does_not_come_in_time_is_a_408(server, stalled, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    answer = stalled(server(), "/predict", 1000, b"{").recv(10_000).decode()
    assert answer.startswith("HTTP/1.1 408")
    assert "did not come within" in answer


def test_events_without_credentials_hold_little_and_nothing_of_what_others_need(server, stalled, until, monkeypatch):
    monkeypatch.setattr(backend_app, "ANONYMOUS_BODIES_BYTES", 100_000)
    pod = server(basic_auth_username="u", basic_auth_password="p")
    held = [stalled(pod, "/webhook", 60_000, b" " * 50_000) for _ in range(3)]
    (refused,) = until(lambda: select.select(held, [], [], 0)[0], what="a refusal")
    assert refused.recv(10_000).startswith(b"HTTP/1.1 503")
    assert httpx.post(f"{pod.url}/setup", json={"schema": CONFIG}, auth=("u", "p")).is_success
    large = b'{"action": "ANNOTATION_CREATED", "task": "' + b"x" * (1 << 20) + b'"}'
    assert httpx.post(f"{pod.url}/webhook", content=large).status_code == 413
    assert httpx.post(f"{pod.url}/webhook", content=large, auth=("u", "p")).status_code == 201


def test_a_client_that_leaves_before_its_body_has_come_is_no_internal_error(server, stalled, until, caplog, grown):
    caplog.set_level(logging.INFO)
    pod = server()
    stalled(pod, "/predict", 1000, b"{").close()
    until(lambda: "the client left before it was answered" in caplog.text)
    assert "Traceback" not in caplog.text
    until(lambda: grown("spanloop_requests_total", route="/predict", status="499") >= 1)
    assert grown("spanloop_errors_total", cause="internal") == 0


def test_more_tasks_than_label_studio_sends_are_refused_at_once(server, monkeypatch):
    monkeypatch.setattr(backend_app, "MAX_TASKS", 3)
    pod = server()
    answer = predict(pod, *["Alice"] * 4)
    assert (answer.status_code, answer.json()["error"]) == (413, "The body has 4 tasks; send 3 at a time.")
    assert len(predict(pod, *["Alice"] * 3).json()["results"]) == 3
