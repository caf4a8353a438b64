"""What takes long to read keeps nobody else waiting, and is not read for nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from service.backend.app import build
from service.backend.local import compose
from service.labelstudio import label_config, passages
from tests.support.asking import tasks
from tests.support.studio import LABEL_CONFIG
from tests.support.tiny_engine import Gate

HTML_CONFIG = LABEL_CONFIG.replace("Text", "HyperText")
PAGE = "<p>Alice took <b>aspirin</b> in <i>Oslo</i>.</p>" * 500
TASKS = [{"id": number, "data": {"text": PAGE}} for number in range(300)]


@pytest.fixture
def pod(settings, launches, pods, until):
    """A backend that listens on a port of its own, with its model loaded."""
    app = build(settings(), compose.supervisor)
    made = pods(app)
    made.start()
    until(lambda: app.state.supervisor.extractor.version, what="a loaded model")
    return made


@pytest.fixture
def rendered(monkeypatch):
    """The pages that are read, as they are."""
    read, render = [], passages.render

    def counted(html, *more):
        read.append(html)
        return render(html, *more)

    monkeypatch.setattr(passages, "render", counted)
    return read


def forget_configs():
    for kept in (label_config._read, label_config.parse, label_config.notes):
        kept.cache_clear()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/setup", {"project": "1.1", "schema": LABEL_CONFIG}),
        ("/model_version", {"project": "1.1", "schema": LABEL_CONFIG}),
        ("/predict", {"tasks": tasks("Alice"), "label_config": LABEL_CONFIG}),
    ],
)
def test_health_is_answered_while_a_label_config_is_read(client, monkeypatch, path, body):
    begun, go_on, order = threading.Event(), threading.Event(), []
    fromstring = label_config.fromstring

    def slow(config, **more):
        begun.set()
        assert go_on.wait(60)
        order.append("read")
        return fromstring(config, **more)

    forget_configs()
    monkeypatch.setattr(label_config, "fromstring", slow)
    with ThreadPoolExecutor(1) as others:
        answer = others.submit(client.post, path, json=body)
        try:
            assert begun.wait(60)
            health = others_health(client)
            order.append("health")
        finally:
            go_on.set()
        assert health == 200
        assert answer.result().status_code == 200
    assert order[0] == "health"


def others_health(client):
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(client.get, "/health")
        return waiting.result(timeout=30).status_code


def test_a_config_is_read_once_however_often_it_is_asked_for(client, monkeypatch):
    read, fromstring = [], label_config.fromstring
    monkeypatch.setattr(label_config, "fromstring", lambda config, **more: read.append(1) or fromstring(config, **more))
    forget_configs()
    for _ in range(3):
        assert client.post("/setup", json={"project": "1.1", "schema": LABEL_CONFIG}).status_code == 200
        assert client.post("/predict", json={"tasks": [], "label_config": LABEL_CONFIG}).status_code == 200
    assert len(read) == 1


def test_tasks_that_are_not_read_in_time_say_so_and_those_that_are_are_answered(backend, rendered):
    client = backend(predict_deadline=1)
    items = client.post("/predict", json={"tasks": TASKS, "label_config": HTML_CONFIG}).json()["results"]
    assert len(items) == len(TASKS)
    assert len(rendered) < len(TASKS)
    assert "not reached in time" in items[-1]["error"]
    assert "result" not in items[-1]  # Label Studio asks for it again


def test_a_config_that_shows_a_text_in_many_ways_does_not_fill_the_memory(backend, rendered, monkeypatch):
    monkeypatch.setattr("service.backend.reading.HELD_MAX", 3 * len(PAGE))
    shown = [f'<HyperText name="t{number}" value="$text {number}"/>' for number in range(50)]
    marked = [f'<Labels name="l{number}" toName="t{number}"><Label value="person"/></Labels>' for number in range(50)]
    config = f"<View>{''.join(shown + marked)}</View>"
    body = {"tasks": [*TASKS[:1], {"id": 1, "data": {}}], "label_config": config}
    items = backend().post("/predict", json=body).json()["results"]
    assert "not reached in time" in items[0]["error"]
    assert "no text" in items[1]["error"]
    assert len(rendered) < 50


def ask_and_leave(pod, **body):
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{pod.url}/predict", json=body, timeout=httpx.Timeout(30, read=2))


def left(grown):
    return grown("spanloop_requests_total", route="/predict", status="499")


def test_reading_ends_when_the_client_leaves(pod, rendered, grown, until):
    ask_and_leave(pod, tasks=TASKS, label_config=HTML_CONFIG)
    until(lambda: left(grown), what="a request whose client left")
    read = len(rendered)
    assert read < len(TASKS)
    assert httpx.get(f"{pod.url}/health", timeout=30).status_code == 200
    answer = httpx.post(f"{pod.url}/predict", json={"tasks": TASKS[:1], "label_config": HTML_CONFIG}, timeout=60)
    assert answer.status_code == 200
    assert len(rendered) <= read + 2  # the page that was being read, and that of the later request


def test_questions_are_withdrawn_when_the_client_leaves(pod, monkeypatch, grown, until):
    extractor = pod.app.state.supervisor.extractor
    model, gate, ran = extractor._current.model, Gate(), []
    run = model.run

    def gated(batch):
        gate(batch)
        ran.extend(batch)
        return run(batch)

    monkeypatch.setattr(model, "run", gated)
    texts = ["Alice met Bob"] * 500
    ask_and_leave(pod, tasks=tasks(*texts), label_config=LABEL_CONFIG)
    until(lambda: left(grown), what="a request whose client left")
    gate.opened.set()
    until(lambda: extractor.queued == 0, what="an engine without work")
    assert 0 < len(ran) < len(texts)
