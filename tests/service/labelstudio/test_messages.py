from __future__ import annotations

import pytest

from service.labelstudio.messages import Predict, Setup, Webhook, project_id
from service.web.routes import RequestRefused, decode


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("7.1795459342", 7),
        ("7", 7),
        (7, 7),
        (None, None),
        ("", None),
        ("x.1", None),
        ("-7.1", None),
        ("7e3", None),
        ("9" * 30, None),
        ({"id": 7}, None),
        ([7], None),
    ],
)
def test_a_projects_id_is_the_number_before_the_dot(given, wanted):
    assert project_id(given) == wanted


def test_fields_that_are_not_asked_for_are_passed_over():
    body = decode(b'{"tasks": [{"id": 1, "data": {"t": "x"}, "novelty": [{}]}], "novelty": 1}', Predict)
    assert [task.data for task in body.tasks] == [{"t": "x"}]
    assert decode(b'{"access_token": "x", "hostname": 7}', Setup).schema is None


@pytest.mark.parametrize(
    "project", [r'"\ud800"', r'{"id": 1, "\ud800": ""}', r'{"min_annotations_to_start_training": "\ud800"}', "[]"]
)
def test_a_project_that_cannot_be_read_is_an_unknown_one(project):
    body = decode(f'{{"action": "START_TRAINING", "project": {project}}}'.encode(), Webhook)
    assert body.known_project.id is None


def test_an_empty_body_is_an_empty_object():
    assert decode(b"", Webhook).action == ""
    with pytest.raises(RequestRefused, match="tasks"):
        decode(b"", Predict)


def test_an_event_about_a_task_with_half_an_emoji_is_read():
    event = decode(rb'{"action": "ANNOTATION_CREATED", "task": {"data": {"t": "\ud83d", "n": 1e400}}}', Webhook)
    assert event.action == "ANNOTATION_CREATED"
    project = decode(rb'{"action": "START_TRAINING", "x": "\ud83d", "project": {"id": 7}}', Webhook).known_project
    assert project.id == 7
