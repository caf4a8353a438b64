"""Requests that cannot be answered are refused in words and harm nothing."""

from __future__ import annotations

import json

import pytest

from tests.support.asking import predict, results, setup, tasks
from tests.support.studio import LABEL_CONFIG


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        "<View/>",
        "<View",
        '<View><Choices name="c" toName="t"/><Text name="t" value="$text"/></View>',
        "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><View>&b;</View>",
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><View/>',
    ],
)
def test_a_config_that_cannot_be_used_is_a_400_that_says_why(client, config):
    answer = predict(client, "Alice", label_config=config)
    assert answer.status_code == 400
    assert "label config" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/job_status"])
@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b"\xff\xfe\x00", b'{"a": 1} trailing', b'{"x":' * 50_000, b"[" * 200_000, b"1", b"[]", b'"x"'],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_invalid_json_is_a_400_with_a_json_error(client, path, body):
    answer = client.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tasks": None},
        {"tasks": {}},
        {"tasks": "x"},
        {"tasks": [1]},
        {"tasks": [None]},
        {"tasks": [], "label_config": 7},
        {"tasks": [], "label_config": {}},
    ],
    ids=str,
)
def test_a_prediction_request_of_the_wrong_shape_is_a_400_that_says_where(client, body):
    answer = client.post("/predict", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("odd", [{}, {"data": None}, {"data": []}, {"data": "text"}], ids=str)
@pytest.mark.parametrize("params", ["x", {"context": "x"}, {"context": []}, None], ids=str)
def test_an_odd_task_or_context_costs_no_other_task_its_prediction(client, odd, params):
    good = {"data": {"text": "Alice met Bob"}}
    body = {"tasks": [odd, good], "label_config": LABEL_CONFIG, "params": params}
    first, second = client.post("/predict", json=body).json()["results"]
    assert (first["result"], first["score"]) == ([], 0)
    assert [region["value"]["text"] for region in second["result"]] == ["Alice", "Bob"]


def test_deeply_nested_data_is_refused_or_answered_and_harms_nothing(client):
    for depth in (100, 5_000, 100_000):
        nested = b"[" * depth + b"]" * depth
        body = b'{"tasks":[{"data":{"text":"Alice","x":' + nested + b'}}],"label_config":""}'
        assert client.post("/predict", content=body).status_code == 400
    assert len(results(client, "Alice")) == 1


def test_lone_surrogates_and_null_characters_in_a_text_harm_nothing(client):
    body = json.dumps({"tasks": tasks("Alice \x00 Bob"), "label_config": LABEL_CONFIG})
    assert client.post("/predict", content=body).status_code == 200
    lone = body.replace("\\u0000", "\\ud800")
    (item,) = client.post("/predict", content=lone).json()["results"]
    assert "half a character" in item["error"]
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train"])
def test_a_body_over_the_limit_is_a_413_whether_or_not_it_says_its_length(backend, path):
    client = backend(max_body_mb=1)
    piece = b" " * 65536

    def endless():
        for _ in range(40):
            yield piece

    for content in (piece * 20, endless()):
        answer = client.post(path, content=content)
        assert answer.status_code == 413
        assert "SPANLOOP_MAX_BODY_MB" in answer.json()["error"]
    assert len(results(client, "Alice")) == 1


def test_a_body_of_megabytes_below_the_limit_is_answered(client):
    found = results(client, *["Alice " + "the house " * 40] * 5, padding="x" * (3 << 20))
    assert len(found) == 5


def test_an_unknown_route_is_a_404_and_a_wrong_method_a_405(client):
    assert client.get("/nowhere").status_code == 404
    assert client.post("/nowhere", content=b"x").status_code == 404
    assert client.get("/predict").status_code == 405


def test_without_a_model_predictions_are_a_503_with_the_cause_and_the_rest_answers(backend, tmp_path, until):
    client = backend(wait=False, model=str(tmp_path / "nowhere" / "missing"))
    answer = until(lambda: [a for a in [predict(client, "Alice")] if "missing" in a.text])[0]
    assert answer.status_code == 503
    assert predict(client).status_code == 503  # a pre-labelling asks so whether there is a model
    assert "SPANLOOP_MODEL" in answer.json()["error"]
    assert client.get("/health").status_code == 200
    assert setup(client)
    page = until(lambda: client.get("/").text if "being loaded" not in client.get("/").text else "")
    assert "could not be loaded" in page
