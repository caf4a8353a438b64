"""What could not be answered, counted by its cause."""

from __future__ import annotations

import pytest

from service.errors import Cause
from tests.support.asking import basic, predict, tasks
from tests.support.studio import LABEL_CONFIG


def causes(grown):
    found = {cause: grown("spanloop_errors_total", cause=cause) for cause in Cause}
    return {str(cause): count for cause, count in found.items() if count}


@pytest.mark.parametrize(
    ("path", "request_", "cause"),
    [
        ("/predict", {"content": b"{"}, "bad_request"),
        ("/predict", {"json": {"tasks": 7}}, "bad_request"),
        ("/job_status", {"json": {"job": "nowhere"}}, "bad_request"),
        ("/predict", {"json": {"tasks": [], "label_config": "<View/>"}}, "bad_config"),
        ("/predict", {"content": b" " * (2 << 20)}, "too_large"),
        ("/setup", {"json": {}, "headers": {"authorization": "Basic bm9ib2R5"}}, "unauthorized"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_request_that_is_refused_is_counted_once_by_its_cause(backend, grown, path, request_, cause):
    client = backend(max_body_mb=1, basic_auth_username="anna", basic_auth_password="x")
    answer = client.post(path, **{"headers": basic("anna:x"), **request_})
    assert 400 <= answer.status_code < 500
    assert causes(grown) == {cause: 1}


def test_an_error_of_the_backends_own_is_counted(client, grown, monkeypatch):
    monkeypatch.setattr(client.app.state.supervisor.predictor, "suffix", None)
    assert client.post("/setup", json={}).status_code == 500
    assert causes(grown) == {"internal": 1}


def test_texts_that_cannot_be_answered_are_counted_one_by_one_and_the_rest_is_predicted(backend, grown):
    client = backend(max_text_characters=4000)
    deep = {"data": {"text": "<i>" * 1200 + "Alice"}}
    config = LABEL_CONFIG.replace("Labels ", "HyperTextLabels ").replace("/Labels", "/HyperTextLabels")
    config = config.replace("<Text ", "<HyperText ")
    body = {"tasks": [*tasks("Alice", "Bob " * 2000, "Carol"), deep], "label_config": config}
    found = client.post("/predict", json=body).json()["results"]
    assert ["error" in item for item in found] == [False, True, False, True]
    assert causes(grown) == {"too_large": 1, "bad_text": 1}
    assert [grown("spanloop_texts_total", result=result) for result in ("predicted", "failed")] == [2, 2]
    assert grown("spanloop_extractor_wait_seconds_count") == 1


def test_tasks_without_text_are_counted_apart(client, grown):
    body = {"tasks": [*tasks("Alice", ""), {"data": {"x": 1}}], "label_config": LABEL_CONFIG}
    assert client.post("/predict", json=body).status_code == 200
    assert causes(grown) == {"no_text": 2}
    assert [grown("spanloop_texts_total", result=result) for result in ("predicted", "unread")] == [1, 2]


def test_without_a_model_each_prediction_is_counted_and_no_wait_for_an_answer(backend, grown, tmp_path, until):
    client = backend(wait=False, model=str(tmp_path / "missing"))
    until(lambda: client.app.state.supervisor.extractor.why_not)
    assert [predict(client, "Alice").status_code for _ in range(2)] == [503, 503]
    assert grown("spanloop_errors_total", cause="no_model") == 2
    assert grown("spanloop_errors_total", cause="model_load") >= 1
    assert grown("spanloop_extractor_wait_seconds_count") == 0


def test_a_prediction_that_finds_no_place_is_counted(backend, grown, monkeypatch):
    monkeypatch.setattr("service.backend.admission.PREDICTIONS_MAX", 0)
    client = backend(predict_deadline=0.1)
    assert predict(client, "Alice").status_code == 503
    assert causes(grown) == {"busy": 1}
