from __future__ import annotations

import pytest

from service.labelstudio.client import LabelStudio, LabelStudioError
from tests.support.studio import KEY, StudioProject

PERSONAL = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def client(settings, studio):
    studio.projects = {1: StudioProject(annotations=3), 2: StudioProject(annotations=4)}

    def make(**overrides):
        return LabelStudio(settings(**{"label_studio_url": studio.url, "label_studio_api_key": KEY, **overrides}))

    return make


def test_the_annotations_of_all_projects_are_counted(client):
    assert client().standing([1, 2]).annotations == 7
    assert client().standing([]).annotations == 0


def test_the_fingerprint_is_stable_and_changes_with_a_new_annotation_and_with_a_changed_one(client, studio):
    before = client().standing([1, 2])
    assert client().standing([1, 2]) == before
    studio.projects[2].updated_at = "2026-11-24T00:00:00.000000Z"
    changed = client().standing([1, 2])
    studio.annotate(1)
    assert len({before.fingerprint, changed.fingerprint, client().standing([1, 2]).fingerprint}) == 3


def test_a_project_without_annotations_or_that_is_gone_counts_as_nothing(client, studio):
    studio.projects[3] = StudioProject()
    assert client().standing([3, 99]).annotations == 0


def test_two_light_requests_are_made_for_each_project(client, studio):
    client().standing([1, 2])
    asked = [asked.rstrip("/") for asked in studio.asked]
    assert asked == ["GET /api/projects/1", "GET /api/tasks", "GET /api/projects/2", "GET /api/tasks"]


def test_a_legacy_token_is_sent_as_it_is(client, studio):
    client().standing([1])
    assert set(studio.authorizations) == {f"Token {KEY}"}


def test_a_personal_access_token_is_exchanged_first(client, studio):
    client(label_studio_api_key=PERSONAL).standing([1])
    assert studio.asked[0] == "POST /api/token/refresh"
    assert studio.authorizations[-1] == "Bearer fresh"


@pytest.mark.parametrize(
    ("broken", "key", "says"),
    [
        (401, KEY, "SPANLOOP_LABEL_STUDIO_API_KEY"),
        (403, KEY, "SPANLOOP_LABEL_STUDIO_API_KEY"),
        (401, PERSONAL, "personal access token"),
        (500, KEY, "500"),
    ],
)
def test_a_refusal_says_what_to_do(client, studio, broken, key, says):
    studio.broken = broken
    with pytest.raises(LabelStudioError, match=says) as caught:
        client(label_studio_api_key=key).standing([1])
    assert key not in str(caught.value)


@pytest.mark.parametrize("overrides", [{"label_studio_url": ""}, {"label_studio_api_key": ""}])
def test_missing_settings_are_named(client, overrides):
    with pytest.raises(LabelStudioError, match="SPANLOOP_LABEL_STUDIO_URL"):
        client(**overrides).standing([1])


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://[broken", "no-scheme", "http://127.0.0.1:99999"])
def test_an_address_that_cannot_be_reached_is_a_clear_error(client, address):
    with pytest.raises(LabelStudioError, match="does not answer"):
        client(label_studio_url=address).standing([1])


def test_an_answer_that_is_not_label_studios_is_a_clear_error(client, studio, monkeypatch):
    for answer in ((200, []), (200, {"detail": "a login page"}), (200, {"tasks": None})):
        monkeypatch.setattr(studio, "answer", lambda *args, answer=answer: answer)
        with pytest.raises(LabelStudioError):
            client().standing([1])
