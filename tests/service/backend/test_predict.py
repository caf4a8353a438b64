"""What annotators get: regions or an error for each task, in time."""

from __future__ import annotations

import json

import pytest

from service.extractor.engine import BATCH_WINDOWS_MAX
from tests.support.asking import TWO_CONTROLS, assert_item, fail_on_poison, results, tasks
from tests.support.studio import LABEL_CONFIG


def test_entities_come_back_as_regions_in_code_points(client):
    text = "😀 Alice works at Acme in New York."
    (item,) = results(client, text)
    assert_item(item, {"text": text})
    assert [(r["value"]["start"], r["value"]["end"], r["value"]["labels"]) for r in item["result"]] == [
        (2, 7, ["person"]),
        (17, 21, ["company"]),
        (25, 33, ["city"]),
    ]
    assert {(r["from_name"], r["to_name"], r["type"]) for r in item["result"]} == {("label", "text", "labels")}


def test_there_is_one_item_per_task_in_order(client):
    texts = ["Alice", "", "the house", "Bob in Paris", "   ", "Acme"]
    found = results(client, *texts)
    assert [[r["value"]["text"] for r in item["result"]] for item in found] == [
        ["Alice"],
        [],
        [],
        ["Bob", "Paris"],
        [],
        ["Acme"],
    ]


@pytest.mark.parametrize(
    "data",
    [{}, {"text": None}, {"text": ""}, {"text": []}, {"text": {"a": 1}}, {"x": "y"}, {"text": "half \ud83d Alice"}, []],
)
def test_a_task_that_cannot_be_read_is_stored_empty_with_score_0_and_the_others_get_theirs(client, data):
    """Label Studio stores it for its `result`, sorts it before all others for its score, and asks no more for it."""
    body = {"tasks": [{"id": 1, "data": data}, *tasks("Alice")], "label_config": LABEL_CONFIG}
    unread, full = client.post("/predict", content=json.dumps(body)).json()["results"]
    assert (unread["result"], unread["score"]) == ([], 0)
    assert unread["error"]
    assert unread["model_version"] == full["model_version"]
    assert len(full["result"]) == 1


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (["Alice"], "Alice"), (["Alice", 1.50], "Alice,1.5")])
def test_a_value_that_is_no_string_is_read_as_the_editor_shows_it(client, value, text):
    body = {"tasks": [{"id": 1, "data": {"text": value}}], "label_config": LABEL_CONFIG}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert_item(item, {"text": text})
    assert len(item["result"]) == ("Alice" in text)


def test_no_tasks_no_results(client):
    assert results(client) == []


def test_a_text_that_the_model_fails_on_is_an_error_item_and_the_rest_is_answered(client, monkeypatch):
    fail_on_poison(client, monkeypatch)
    found = results(client, "Alice", "Bob and poison", "Acme")
    assert found[1]["score"] == 0
    assert "error" in found[1]
    assert "result" not in found[1]  # Label Studio asks for it again
    assert [len(found[0]["result"]), len(found[2]["result"])] == [1, 1]


def test_a_text_over_the_limit_is_an_error_item_and_the_rest_is_answered(backend):
    client = backend(max_text_characters=50)
    found = results(client, "Alice", "Bob " * 50, "Acme")
    assert "over 50 characters" in found[1]["error"]
    assert [len(found[0]["result"]), len(found[2]["result"])] == [1, 1]


def test_past_the_deadline_items_say_so_and_what_was_done_is_there(backend, monkeypatch):
    import time

    client = backend(predict_deadline=1.0)
    model = client.app.state.supervisor.extractor._current.model
    run = model.run
    batches = []

    def slow(batch):
        batches.append(batch)
        if len(batches) == 2:
            time.sleep(1.2)
        return run(batch)

    monkeypatch.setattr(model, "run", slow)
    found = results(client, *["Alice"] * (4 * BATCH_WINDOWS_MAX))
    assert len(found) == 4 * BATCH_WINDOWS_MAX
    done = [item for item in found if "result" in item]
    late = [item for item in found if "error" in item]
    assert done
    assert late
    assert all("not reached in time" in item["error"] for item in late)


def test_several_controls_share_one_deadline_and_one_version(backend, monkeypatch):
    """Label Studio waits 100 s for all of them together, and stores one version for the item."""
    from service.extractor.loaded import Loaded

    client = backend()
    engine = client.app.state.supervisor.extractor
    model = engine._current.model
    run = model.run

    def swapping(batch):
        engine.swap(Loaded("version-1", None))  # each prediction of it fails
        return run(batch)

    monkeypatch.setattr(model, "run", swapping)
    monkeypatch.setattr("service.extractor.engine.BATCH_WINDOWS_MAX", 1)
    engine.swap(Loaded("version-0", model))
    body = {"tasks": [{"data": {"note": "Alice", "title": "Paris"}}], "label_config": TWO_CONTROLS}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert len(item["result"]) == 2
    assert item["model_version"].startswith("version-0.")


def test_several_controls_mark_their_own_texts_with_their_own_labels(client):
    data = {"note": "Alice lives in Paris", "title": "Paris and Alice"}
    body = {"tasks": [{"data": data}], "label_config": TWO_CONTROLS}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert_item(item, data)
    assert sorted((r["from_name"], r["to_name"], r["value"]["text"], r["value"]["labels"]) for r in item["result"]) == [
        ("people", "note", "Alice", ["PER"]),
        ("places", "title", "Paris", ["CTY"]),
    ]


def test_a_task_with_one_of_two_texts_is_answered_for_that_one(client):
    body = {"tasks": [{"data": {"title": "Paris"}}], "label_config": TWO_CONTROLS}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert [r["from_name"] for r in item["result"]] == ["places"]


def test_1200_tasks_in_one_request_are_all_answered(client):
    texts = [f"Alice number {n} in Paris" if n % 3 else "the house" for n in range(1200)]
    found = results(client, *texts)
    assert len(found) == 1200
    for text, item in zip(texts, found, strict=True):
        assert_item(item, {"text": text})
        assert bool(item["result"]) == ("Alice" in text)
    assert client.get("/health").status_code == 200


def test_a_doubtful_task_scores_below_a_sure_one_whether_or_not_it_has_entities(client):
    sure, empty = results(client, "Alice works at Acme", "the house near the river")
    assert 0 <= sure["score"] <= empty["score"] <= 1


def test_asked_twice_the_answer_is_the_same(client):
    assert results(client, "Alice in Paris", "Bob") == results(client, "Alice in Paris", "Bob")


def test_interactive_predictions_leave_out_what_overlaps_the_annotators_regions(client):
    text = "Alice works at Acme in New York"
    marked = [
        {"id": "r1", "from_name": "label", "to_name": "text", "type": "labels", "value": {"start": 25, "end": 28}},
        {"id": "r2", "from_name": "other", "to_name": "text", "type": "labels", "value": {"start": 0, "end": 5}},
        "nonsense",
        {"from_name": "label", "value": "nonsense"},
        {"from_name": "label", "value": {"start": "x", "end": None}},
        {"type": "relation", "from_id": "r1", "to_id": "r2"},
    ]
    (item,) = results(client, text, params={"login": None, "password": None, "context": {"result": marked}})
    assert [r["value"]["text"] for r in item["result"]] == ["Alice", "Acme"]


@pytest.mark.parametrize("context", [None, {}, {"result": None}, {"result": "x"}, {"result": {}}])
def test_any_context_without_regions_is_fine(client, context):
    (item,) = results(client, "Alice", params={"context": context})
    assert len(item["result"]) == 1
