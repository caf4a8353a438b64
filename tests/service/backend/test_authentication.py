"""Who may ask what."""

from __future__ import annotations

import base64

import pytest

from tests.support.asking import basic

ROUTES = [
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/versions"),
    ("GET", "/metrics"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("POST", "/train"),
    ("POST", "/job_status"),
]


@pytest.fixture
def guarded(backend):
    return backend(basic_auth_username="anna", basic_auth_password="s3crét:x")


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[path for _, path in ROUTES])
def test_every_route_wants_credentials_where_some_are_set(guarded, method, path):
    answer = guarded.request(method, path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json()["error"]
    assert guarded.request(
        method, path, content=b"{}" if method == "POST" else None, headers=basic("anna:s3crét:x")
    ).status_code in (200, 201, 400, 404)


def test_metrics_that_are_open_are_open_to_the_cluster_and_not_through_an_ingress(backend):
    client = backend(basic_auth_username="anna", basic_auth_password="s3crét:x", metrics_open=True)
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"x-forwarded-for": "203.0.113.7"}).status_code == 401
    assert client.get("/health").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        basic("anna:wrong"),
        basic("anna:"),
        basic("anna"),
        basic(":s3crét:x"),
        basic("Anna:s3crét:x"),
        basic("anna:s3crét:x "),
        {"authorization": ""},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic \xff\xfe".encode("latin-1")},
        {"authorization": "Bearer " + base64.b64encode("anna:s3crét:x".encode()).decode()},
    ],
    ids=lambda headers: str(headers["authorization"])[:30],
)
def test_wrong_credentials_are_refused(guarded, headers):
    assert guarded.get("/health", headers=headers).status_code == 401


def test_events_are_open_but_starting_a_run_is_not(guarded, launches):
    event = {"action": "ANNOTATION_CREATED", "annotation": {"id": 1}, "project": {"id": 1}}
    assert guarded.post("/webhook", json=event).status_code == 201
    start = {"action": "START_TRAINING", "project": {"id": 1}}
    assert guarded.post("/webhook", json=start).status_code == 401
    assert guarded.post("/train", json=start).status_code == 401
    assert launches[0].launched == []
    assert guarded.app.state.supervisor.projects.ids == ()


def test_the_content_of_an_event_is_not_trusted(client, launches):
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 99, "label_config": "<x"}, "annotation": [1]}
    assert client.post("/webhook", json=event).status_code == 201
    for project in (None, 7, "x", [], {"id": "x"}, {"id": None}):
        assert client.post("/webhook", json={"action": "PROJECT_UPDATED", "project": project}).status_code == 201
    assert client.post("/webhook", json={}).status_code == 201
    assert launches[0].launched == []
    assert client.app.state.supervisor.projects.ids == ()


def test_credentials_count_in_utf_8_and_in_latin_1_as_label_studio_sends_them(guarded):
    for encoding in ("utf-8", "latin-1"):
        sent = base64.b64encode("anna:s3crét:x".encode(encoding)).decode()
        assert guarded.get("/health", headers={"authorization": f"Basic {sent}"}).status_code == 200


def test_credentials_that_latin_1_has_not_count_in_utf_8(backend):
    client = backend(basic_auth_username="anna", basic_auth_password="密码")
    assert client.get("/health", headers=basic("anna:密码")).status_code == 200
    assert client.get("/health", headers=basic("anna:??")).status_code == 401
