"""Several labels on one stretch, as an annotator gets them."""

from __future__ import annotations

import pytest

from tests.support.asking import assert_item, results, setup

TEXT = "Then Alice met Bob"


def config(attributes: str) -> str:
    return f"""<View><Labels name="label" toName="text" {attributes}>
    <Label value="PER" predicted_values="person"/><Label value="NOW" predicted_values="person today"/>
    </Labels><Text name="text" value="$text"/></View>"""


def predicted(client, schema, extra_params, **more):
    setup(client, schema=schema, extra_params=extra_params)
    (item,) = results(client, TEXT, label_config=schema, **more)
    assert_item(item, {"text": TEXT})
    return [(region["value"]["text"], region["value"]["labels"]) for region in item["result"]]


def test_a_project_that_sets_multi_gets_one_region_with_both_labels_where_the_control_takes_several(client):
    both = [("Alice", ["PER", "NOW"]), ("Bob", ["PER", "NOW"])]
    found = predicted(client, config('choice="multiple"'), {"overlap": "multi"})
    assert [(text, sorted(labels, reverse=True)) for text, labels in found] == both


def test_a_control_that_takes_one_label_gets_a_region_for_each(client):
    found = predicted(client, config(""), {"overlap": "multi"})
    assert sorted(found) == [("Alice", ["NOW"]), ("Alice", ["PER"]), ("Bob", ["NOW"]), ("Bob", ["PER"])]


@pytest.mark.parametrize("extra_params", ["", {"overlap": "flat"}, {"overlap": "nested"}])
def test_otherwise_a_stretch_has_one_label(client, extra_params):
    found = predicted(client, config('choice="multiple"'), extra_params)
    assert [(text, len(labels)) for text, labels in found] == [("Alice", 1), ("Bob", 1)]


def test_whether_a_region_takes_several_labels_is_part_of_the_version(client):
    assert setup(client, schema=config('choice="multiple"')) != setup(client, schema=config('choice="single"'))
    assert setup(client, schema=config("")) == setup(client, schema=config('choice="single"'))


def test_an_annotators_region_leaves_room_for_another_label_only_where_a_stretch_may_have_several(client):
    value = {"start": 5, "end": 10, "text": "Alice", "labels": ["PER"]}
    context = {"result": [{"from_name": "label", "to_name": "text", "type": "labels", "value": value}]}
    asked = {"params": {"context": context}}
    multi = predicted(client, config(""), {"overlap": "multi"}, **asked)
    assert sorted(multi) == [("Alice", ["NOW"]), ("Bob", ["NOW"]), ("Bob", ["PER"])]
    nested = predicted(client, config(""), {"overlap": "nested"}, **asked)
    assert [text for text, _ in nested] == ["Bob"]


def test_the_page_says_how_each_project_is_decoded_and_who_set_it(client):
    setup(client, project="1.1", extra_params={"overlap": "multi"})
    setup(client, project="2.1")
    text = " ".join(client.get("/?fragment").text.split())
    assert "A span may lie within another, and may have several labels<small>set by the project" in text
    assert "Spans do not overlap<small>as the version" in text
