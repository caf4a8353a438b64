"""The body of /predict: what one task holds costs no other its prediction."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.labelstudio.batches import decode
from service.labelstudio.messages import UnreadableTask
from tests.support.json_values import JSON

ODD = [
    rb'"\ud83d"',
    b"1e400",
    b"9" * 5000,
    rb'{"\ud83d": 1}',
    b'"\xed\xa0\xbd"',
    rb'"a\"],[{\\"',
    b"[" * 900 + b"]" * 900,
]


def body(*values):
    tasks = b", ".join(b'{"id": %d, "data": {"text": %s}}' % (n, value) for n, value in enumerate(values))
    return b'{"project": "tasks", "tasks" : [%s], "label_config": "<View/>"}' % tasks


@pytest.mark.parametrize("odd", ODD, ids=lambda value: str(value[:10]))
def test_a_task_with_an_odd_value_is_read_beside_the_others(odd):
    request = decode(body(b'"Alice"', odd, b'"Bob"'))
    assert [task.data["text"] for task in (request.tasks[0], request.tasks[2])] == ["Alice", "Bob"]
    assert [task.id for task in request.tasks] == [0, 1, 2]
    assert (request.label_config, request.project) == ("<View/>", "tasks")


def test_a_task_that_nests_without_end_is_unreadable_and_the_others_are_read():
    request = decode(body(b'"Alice"', b"[" * 50_000 + b"]" * 50_000, rb'"\ud83d, ] } [ {"'))
    assert [isinstance(task, UnreadableTask) for task in request.tasks] == [False, True, False]
    assert request.tasks[2].data == {"text": "\ud83d, ] } [ {"}


@pytest.mark.parametrize("odd", [b"null", rb'"\ud83d"', b"[]", b"7"])
def test_a_task_that_is_no_object_is_unreadable_and_the_others_are_read(odd):
    request = decode(b'{"tasks": [%s, {"data": {"text": "Alice"}}]}' % odd)
    assert isinstance(request.tasks[0], UnreadableTask)
    assert request.tasks[1].data == {"text": "Alice"}


def test_nothing_in_a_task_makes_it_unreadable_by_itself():
    (task,) = decode(b'{"tasks": [{"data": {}, "reason": "x"}]}').tasks
    assert not isinstance(task, UnreadableTask)


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"tasks": [{]}', rb'{"tasks": [{"a": "\ud83d"}', rb'{"tasks": ["\ud83d" nonsense]}', b"[" * 50_000],
    ids=lambda content: str(content[:20]),
)
def test_what_is_no_json_is_refused(content):
    with pytest.raises((ValueError, RecursionError)):
        decode(content)


@pytest.mark.parametrize("content", [rb'{"tasks": "\ud83d"}', rb'{"x": "\ud83d"}'])
def test_another_shape_is_refused(content):
    with pytest.raises(ValueError):
        decode(content)


@given(st.lists(JSON, min_size=1, max_size=4), st.booleans())
def test_any_tasks_are_read_each_as_its_own_json(values, ascii_only):
    content = json.dumps({"x": 1, "tasks": [{"data": {"text": value}} for value in values]}, ensure_ascii=ascii_only)
    spoiled = content.replace('"x": 1', r'"x": "\ud83d"').encode("utf-8", "surrogatepass")
    request = decode(spoiled)
    assert json.dumps([task.data["text"] for task in request.tasks]) == json.dumps(values)
