"""Start Training, pressed in Label Studio or asked for by its events."""

from __future__ import annotations

import threading

import pytest

from tests.support.asking import setup
from tests.support.studio import KEY, StudioProject


@pytest.fixture
def with_studio(backend, studio):
    studio.projects = {3: StudioProject(annotations=30), 5: StudioProject(annotations=10)}
    return lambda **more: backend(label_studio_url=studio.url, label_studio_api_key=KEY, **more)


@pytest.mark.parametrize("path", ["/webhook", "/train"])
def test_start_training_is_answered_with_a_job_whose_status_can_be_asked(with_studio, launches, path):
    client = with_studio()
    answer = client.post(path, json={"action": "START_TRAINING", "project": {"id": 3}})
    assert answer.status_code == 201
    job = answer.json()["job"]
    assert [run.id for run in launches[0].launched] == [job]
    status = client.post("/job_status", json={"job": job}).json()
    assert status["job_status"] == "queued"
    launches[0].end("failed", "Too few annotations.")
    status = client.post("/job_status", json={"job": job}).json()
    assert (status["job_status"], status["error"]) == ("failed", "Too few annotations.")
    assert status["finished_at"]


def test_start_training_is_answered_though_label_studio_is_slow_and_the_run_starts(
    with_studio, studio, launches, until, monkeypatch
):
    monkeypatch.setattr("service.backend.app.START_SECONDS", 0.1)
    slow = threading.Event()
    answer_at_once = studio.answer
    monkeypatch.setattr(studio, "answer", lambda *asked: slow.wait(30) and answer_at_once(*asked))
    client = with_studio()
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert (answer.status_code, answer.json()["job"]) == (201, None)
    assert "slow" in answer.json()["message"]
    assert launches[0].launched == []
    slow.set()
    until(lambda: launches[0].launched)


def test_however_many_click_while_label_studio_is_slow_it_is_asked_once_and_once_again(
    with_studio, studio, launches, until, monkeypatch
):
    monkeypatch.setattr("service.backend.app.START_SECONDS", 0.05)
    slow, asked = threading.Event(), []
    client = with_studio()
    start = client.app.state.supervisor.retraining.start

    def slow_start():
        asked.append(1)
        slow.wait(30)
        return start("click")

    monkeypatch.setattr(client.app.state.starts, "_start", slow_start)
    body = {"action": "START_TRAINING", "project": {"id": 3}}
    before = threading.active_count()
    for _ in range(20):
        assert client.post("/webhook", json=body).json()["job"] is None
    assert len(asked) == 1
    assert threading.active_count() - before < 5
    slow.set()
    until(lambda: len(asked) == 2)
    until(lambda: launches[0].launched)
    monkeypatch.setattr("service.backend.app.START_SECONDS", 30)
    assert client.post("/webhook", json=body).json()["job"] == launches[0].launched[0].id
    assert len(launches[0].launched) == 1


@pytest.mark.parametrize("path", ["/webhook", "/train"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example.com"}, 403),
        ({"Origin": "http://testserver:8000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, 415),
    ],
)
def test_a_page_of_another_server_starts_no_training(with_studio, launches, path, headers, status):
    client = with_studio()
    content = b'{"action": "START_TRAINING", "project": {"id": 3}}'
    sent = {"Content-Type": "application/json"} | headers
    assert client.post(path, content=content, headers=sent).status_code == status
    assert launches[0].launched == []
    client.post(path, content=content, headers={"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"})
    assert len(launches[0].launched) == 1


def test_start_training_learns_from_all_projects_that_use_this_release(with_studio, launches):
    client = with_studio()
    setup(client, project="5.1")
    client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert launches[0].launched[0].projects == (3, 5)


def test_start_training_learns_from_no_project_that_is_gone_or_disconnected(with_studio, studio, launches):
    client = with_studio()
    for project in ("5.1", "99.1"):
        setup(client, project=project)
    studio.projects[5].models = []
    client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert launches[0].launched[0].projects == (3,)


def test_start_training_clicked_again_is_the_same_job(with_studio, launches):
    client = with_studio()
    body = {"action": "START_TRAINING", "project": {"id": 3}}
    first, second = (client.post("/webhook", json=body).json()["job"] for _ in range(2))
    assert first == second
    assert len(launches[0].launched) == 1


def test_training_on_submission_waits_until_it_is_quiet(with_studio, launches, until):
    client = with_studio(retrain_quiet=0.2, retrain_minimum=10)
    body = {"action": "START_TRAINING", "project": {"id": 3, "min_annotations_to_start_training": 10}}
    for _ in range(5):
        answer = client.post("/webhook", json=body)
        assert answer.status_code == 201
        assert answer.json()["job"] is None
    assert launches[0].launched == []
    until(lambda: launches[0].launched)
    assert len(launches[0].launched) == 1


def test_start_training_without_a_configured_label_studio_is_a_failed_run_that_the_page_shows(client, launches):
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert answer.status_code == 201
    assert answer.json()["job_status"] == "failed"
    assert "SPANLOOP_LABEL_STUDIO_URL" in answer.json()["message"]
    assert "SPANLOOP_LABEL_STUDIO_URL" in client.get("/").text
    assert launches[0].launched == []


def test_start_training_for_no_project_at_all_starts_no_process_and_says_so(with_studio, launches):
    client = with_studio()
    answer = client.post("/train", json={})
    assert launches[0].launched == []
    assert answer.status_code in (201, 400)
    assert "project" in answer.text


def test_an_unknown_job_is_a_404(client):
    assert client.post("/job_status", json={"job": "../../etc/passwd"}).status_code == 404
    assert client.post("/job_status", json={}).status_code == 404
