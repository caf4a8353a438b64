"""What Label Studio sends, as recorded from it, and what it wants to hear."""

from __future__ import annotations

import json

import pytest

from tests.support.asking import assert_item
from tests.support.studio import KEY, RECORDINGS, StudioProject


def recording(name):
    path = RECORDINGS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded requests of Label Studio are not here ({path})")
    return json.loads(path.read_text(encoding="utf-8"))


def replay(client, name):
    recorded = recording(name)
    content = None if recorded["body"] is None else json.dumps(recorded["body"])
    headers = {k: v for k, v in recorded["headers"].items() if k.lower() not in ("host", "content-length")}
    return recorded, client.request(recorded["method"], recorded["path"], content=content, headers=headers)


def test_the_recorded_health_check_is_answered_up_with_the_version(client):
    recorded, answer = replay(client, "health")
    assert answer.status_code == 200
    assert set(answer.json()) >= set(recorded["response"]["body"])
    assert answer.json()["status"] == "UP"
    assert answer.json()["model_version"] == client.app.state.supervisor.extractor.version


@pytest.mark.parametrize("name", ["setup_api_extra_params_dict", "setup_ui_extra_params_string"])
def test_the_recorded_setups_are_answered_with_a_version(client, name):
    recorded, answer = replay(client, name)
    assert answer.status_code == 200
    assert set(answer.json()) == set(recorded["response"]["body"]) == {"model_version"}
    assert isinstance(answer.json()["model_version"], str)


def test_the_recorded_versions_request_is_answered_with_a_list(client):
    recorded, answer = replay(client, "versions")
    assert answer.status_code == 200
    assert set(answer.json()) == set(recorded["response"]["body"])
    assert answer.json()["versions"] == [client.app.state.supervisor.extractor.version]


@pytest.mark.parametrize(
    "name",
    [
        "predict_batch_25",
        "predict_test",
        "predict_single_task_opened",
        "predict_interactive",
        "predict_interactive_ui",
    ],
)
def test_the_recorded_predictions_are_answered_in_label_studios_shape(client, name):
    recorded, answer = replay(client, name)
    assert answer.status_code == 200
    sent = recorded["body"]["tasks"]
    found = answer.json()["results"]
    assert len(found) == len(sent)
    for task, item in zip(sent, found, strict=True):
        assert_item(item, {"text": task["data"]["text"]})


@pytest.mark.parametrize(
    "name",
    [
        "webhook_ANNOTATION_CREATED",
        "webhook_ANNOTATION_UPDATED",
        "webhook_ANNOTATIONS_DELETED",
        "webhook_PROJECT_UPDATED",
        "webhook_TASKS_CREATED",
    ],
)
def test_the_recorded_events_are_taken_and_start_nothing(client, launches, name):
    recorded, answer = replay(client, name)
    assert answer.status_code == recorded["response"]["status"]
    assert answer.json()["status"] == "ok"
    assert launches[0].launched == []


@pytest.mark.parametrize("name", ["webhook_START_TRAINING", "webhook_START_TRAINING_basic_auth"])
def test_the_recorded_start_training_starts_a_run_of_its_project(backend, studio, launches, name):
    studio.projects = {1: StudioProject(annotations=30), 2: StudioProject(annotations=30)}
    client = backend(
        label_studio_url=studio.url,
        label_studio_api_key=KEY,
        **({"basic_auth_username": "u", "basic_auth_password": "p"} if "basic" in name else {}),
    )
    recorded, answer = replay(client, name)
    assert answer.status_code == recorded["response"]["status"] == 201
    assert answer.json()["status"] == "ok"
    (run,) = launches[0].launched
    assert answer.json()["job"] == run.id
    assert run.projects == (recorded["body"]["project"]["id"],)
