"""What a task may hold, from the request to the item that Label Studio stores."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support import text_server
from tests.support.asking import assert_item, predict, tasks
from tests.support.json_values import JSON
from tests.support.studio import LABEL_CONFIG

DIALOGUE = """<View><ParagraphLabels name="label" toName="dialogue"><Label value="person"/><Label value="city"/>
</ParagraphLabels><Paragraphs name="dialogue" value="$turns"/></View>"""
DYNAMIC = '<View><Labels name="label" toName="text" value="$options"/><Text name="text" value="$text"/></View>'


def ask(client, config, *data, **more):
    body = {"tasks": [{"id": n, "data": one} for n, one in enumerate(data)], "label_config": config, **more}
    answer = client.post("/predict", content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def found(item):
    return [(region["value"]["text"], *region["value"][region["type"]]) for region in item["result"]]


@pytest.mark.parametrize(
    "odd", [rb'"half \ud83d Angela"', b"1e400", b"[" * 20_000 + b"]" * 20_000, b'{"a": [1, null]}']
)
def test_one_odd_task_of_61_loses_nothing_but_itself(client, odd):
    plain = predict(client, *["Alice met Bob"] * 60).json()["results"]
    body = json.dumps({"tasks": tasks(*["Alice met Bob"] * 60, "ODD"), "label_config": LABEL_CONFIG, "project": "1.1"})
    answer = client.post("/predict", content=body.encode().replace(b'"ODD"', odd))
    assert answer.status_code == 200
    items = answer.json()["results"]
    assert items[:60] == plain
    assert "model_version" in items[60]


def deep(levels):
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("odd", [deep(490), deep(900)], ids=["490", "900"])
def test_a_list_that_nests_deep_costs_no_other_task_its_prediction(client, odd):
    body = json.dumps({"tasks": tasks("Alice met Bob", "ODD"), "label_config": LABEL_CONFIG, "project": "1.1"})
    first, last = client.post("/predict", content=body.replace('"ODD"', odd)).json()["results"]
    assert found(first)
    assert last["score"] == 0


def test_an_address_that_breaks_the_reader_costs_no_other_task_its_prediction(backend):
    client = backend(text_hosts="texts.example.com")
    config = LABEL_CONFIG.replace("<Text ", '<Text valueType="url" ')
    items = ask(client, config, {"text": "http://texts.example.com/\ud83d"}, {"text": "http://elsewhere.example.com/"})
    assert "half a character" in items[0]["error"]
    assert "does not allow" in items[1]["error"]


def test_an_odd_value_beside_the_text_costs_nothing(client):
    body = rb'{"tasks": [{"data": {"text": "Alice", "n": 1e400, "s": "\ud83d"}}], "label_config": %s}'
    answer = client.post("/predict", content=body % json.dumps(LABEL_CONFIG).encode())
    (item,) = answer.json()["results"]
    assert found(item) == [("Alice", "person")]


def test_an_annotators_region_with_half_an_emoji_is_read(client):
    marked = {"from_name": "label", "value": {"start": 0, "end": 5, "text": "\ud83d", "labels": ["person"]}}
    (item,) = ask(client, LABEL_CONFIG, {"text": "Alice met Bob"}, params={"context": {"result": [marked]}})
    assert found(item) == [("Bob", "person")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(JSON)
def test_whatever_a_task_holds_it_gets_an_item_and_the_others_their_predictions(client, value):
    for config in (LABEL_CONFIG, DIALOGUE.replace("$turns", "$text"), DYNAMIC.replace("$options", "$text")):
        odd, item = ask(client, config, {"text": value}, {"text": "Alice"})
        assert set(odd) >= {"score", "model_version"}
        assert "error" in odd or odd["result"] is not None
        if config == LABEL_CONFIG:
            assert_item(item, {"text": "Alice"})


def test_regions_of_a_dialogue_name_turns_and_offsets_in_them(client):
    turns = [{"author": "A", "text": "I saw 😀 Alice"}, {"author": "B", "text": "In Paris"}]
    (item,) = ask(client, DIALOGUE, {"turns": turns})
    assert [(r["type"], r["to_name"]) for r in item["result"]] == [("paragraphlabels", "dialogue")] * 2
    values = [{k: v for k, v in r["value"].items() if k != "score"} for r in item["result"]]
    assert values == [
        {"start": "0", "end": "0", "startOffset": 9, "endOffset": 14, "text": "Alice", "paragraphlabels": ["person"]},
        {"start": "1", "end": "1", "startOffset": 3, "endOffset": 8, "text": "Paris", "paragraphlabels": ["city"]},
    ]


def test_a_dialogues_regions_that_the_annotator_has_are_left_out(client):
    turns = [{"author": "A", "text": "I saw Alice"}, {"author": "B", "text": "In Paris"}]
    value = {"start": "0", "end": "0", "startOffset": 6, "endOffset": 11, "paragraphlabels": ["person"]}
    marked = {"from_name": "label", "type": "paragraphlabels", "value": value}
    (item,) = ask(client, DIALOGUE, {"turns": turns}, params={"context": {"result": [marked]}})
    assert found(item) == [("Paris", "city")]


def test_each_task_is_asked_its_own_labels(client):
    first, second, none = ask(
        client,
        DYNAMIC,
        {"text": "Alice in Paris", "options": [{"value": "person"}, {"value": "city", "alias": "CTY"}]},
        {"text": "Alice in Paris", "options": [{"value": "city"}]},
        {"text": "Alice in Paris"},
    )
    assert found(first) == [("Alice", "person"), ("Paris", "CTY")]
    assert found(second) == [("Paris", "city")]
    assert none["error"] == "no labels under $options"
    assert first["model_version"] == second["model_version"] == none["model_version"]
    named = client.post("/setup", json={"project": "1.1", "schema": DYNAMIC}).json()["model_version"]
    assert named == first["model_version"]


def test_a_text_at_an_address_is_never_read_as_the_address(client):
    config = LABEL_CONFIG.replace("<Text ", '<Text valuetype="URL" ')
    assert client.post("/setup", json={"project": "1.1", "schema": config}).status_code == 200
    (item,) = ask(client, config, {"text": "http://127.0.0.1:1/Alice.txt"})
    assert "SPANLOOP_TEXT_HOSTS" in item["error"]
    assert "result" not in item  # asked for again, when the setting is another


def test_texts_at_allowed_addresses_are_fetched(backend):
    config = LABEL_CONFIG.replace("<Text ", '<Text valueType="url" ')
    client = backend(text_hosts="127.0.0.1")
    with text_server.served() as files:
        item, gone = ask(client, config, {"text": f"{files.url}/a.txt"}, {"text": f"{files.url}/gone"})
    assert_item(item, {"text": text_server.TEXT})
    assert ("Alice", "person") in found(item)
    assert "404" in gone["error"]


def test_repeated_controls_each_mark_their_own_text(client):
    config = (
        '<View><Repeater on="$u"><Text name="t_{{idx}}" value="$u[{{idx}}].text"/><Labels name="l_{{idx}}" '
        'toName="t_{{idx}}"><Label value="person"/></Labels></Repeater></View>'
    )
    (item,) = ask(client, config, {"u": [{"text": "Alice"}, {"text": "the house of Bob"}]})
    assert [(r["from_name"], r["to_name"], r["value"]["text"]) for r in item["result"]] == [
        ("l_0", "t_0", "Alice"),
        ("l_1", "t_1", "Bob"),
    ]


def test_labels_that_read_alike_are_answered_each_as_itself(client):
    config = LABEL_CONFIG.replace('<Label value="person"/>', '<Label value="FirstName"/><Label value="first_name"/>')
    assert client.post("/setup", json={"project": "1.1", "schema": config}).status_code == 200
    page = client.get("/").text
    assert "<td>FirstName</td><td>FirstName</td>" in page
    assert "<td>first_name</td><td>first_name</td>" in page


def test_a_tooltip_changes_no_prediction(client):
    tooltip = LABEL_CONFIG.replace('"person"', '"person" hint="Press p. Do not use for companies!"')
    plain, hinted = (ask(client, config, {"text": "Alice works at Acme"})[0] for config in (LABEL_CONFIG, tooltip))
    assert found(hinted) == found(plain)
