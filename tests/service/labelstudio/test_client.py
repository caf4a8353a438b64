from __future__ import annotations

import pytest

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone
from tests.support.studio import KEY, PERSONAL_KEY, Studio, StudioProject, served


@pytest.fixture
def client(settings, studio):
    studio.projects = {1: StudioProject(annotations=3), 2: StudioProject(annotations=4)}

    def make(**overrides):
        return LabelStudio(settings(**{"label_studio_url": studio.url, "label_studio_api_key": KEY, **overrides}))

    return make


def test_the_annotations_of_all_projects_are_counted(client):
    assert client().annotation_state([1, 2]).annotations == 7
    assert client().annotation_state([]).annotations == 0


def test_the_fingerprint_is_stable_and_changes_with_a_new_annotation_and_with_a_changed_one(client, studio):
    before = client().annotation_state([1, 2])
    assert client().annotation_state([1, 2]) == before
    studio.projects[2].updated_at = "2026-11-24T00:00:00.000000Z"
    changed = client().annotation_state([1, 2])
    studio.annotate(1)
    assert len({before.fingerprint, changed.fingerprint, client().annotation_state([1, 2]).fingerprint}) == 3


def test_a_project_without_annotations_or_that_is_gone_counts_as_nothing(client, studio):
    studio.projects[3] = StudioProject()
    assert client().annotation_state([3, 99]).annotations == 0


def test_two_light_requests_are_made_for_each_project(client, studio):
    client().annotation_state([1, 2])
    asked = [asked.rstrip("/") for asked in studio.asked]
    assert asked == ["GET /api/projects/1", "GET /api/tasks", "GET /api/projects/2", "GET /api/tasks"]


def test_a_refusal_has_what_label_studio_says(client, studio):
    with pytest.raises(LabelStudioError, match=r"refuses the API key.*It says: Invalid token\."):
        client(label_studio_api_key="f" * 40).annotation_state([1])
    studio.broken = 500
    with pytest.raises(LabelStudioError, match=r"answered 500 .*It says: broken"):
        client().annotation_state([1])


def test_a_legacy_token_is_sent_as_it_is(client, studio):
    client().annotation_state([1])
    assert set(studio.authorizations) == {f"Token {KEY}"}


def test_a_personal_access_token_is_exchanged_first(client, studio):
    assert client(label_studio_api_key=PERSONAL_KEY).annotation_state([1]).annotations == 3
    assert studio.asked[0] == "POST /api/token/refresh/"
    assert studio.authorizations[1:] == ["Bearer access-1"] * 2


def test_an_access_token_that_expires_is_renewed_in_the_middle(client, studio):
    studio.requests_a_token = 3
    assert client(label_studio_api_key=PERSONAL_KEY).annotation_state([1, 2]).annotations == 7
    assert len(studio.granted) == 2


def test_an_access_token_that_has_expired_long_ago_is_renewed_at_the_next_question(client, studio):
    asking = client(label_studio_api_key=PERSONAL_KEY)
    asking.annotation_state([1])
    studio.granted.append("another, so that the first is fresh no more")
    assert asking.annotation_state([2]).annotations == 4


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("key", [KEY, PERSONAL_KEY])
def test_a_label_studio_below_a_path_is_asked_below_it(client, slash, key):
    with served(Studio(prefix="/ls", projects={1: StudioProject(annotations=3)})) as below:
        asking = client(label_studio_url=below.url + slash, label_studio_api_key=key)
        assert asking.annotation_state([1]).annotations == 3
        assert asking.models(1) == ["http://testserver"]
        assert all(asked.partition(" ")[2].startswith("/ls/api/") for asked in below.asked)


def test_the_models_of_a_project_are_listed_and_one_that_is_gone_is_told(client, studio):
    studio.projects[1].models = ["http://one:9090", "http://two/ml"]
    assert client().models(1) == ["http://one:9090", "http://two/ml"]
    with pytest.raises(ProjectGone, match="no project 99"):
        client().models(99)


def test_another_api_that_knows_no_path_is_no_label_studio_without_projects(client, studio, monkeypatch):
    monkeypatch.setattr(studio, "answer", lambda *asked: (404, {"detail": "Not Found"}))
    with pytest.raises(LabelStudioError, match="SPANLOOP_LABEL_STUDIO_URL") as caught:
        client().models(1)
    assert not isinstance(caught.value, ProjectGone)


@pytest.mark.parametrize("below", ["", "/api/token", "/api/tasks", "/api/ml"])
@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_login_page_is_told_as_such_with_the_address_and_what_to_check(client, studio, below, status):
    studio.page_below, studio.page_status = below, status
    asking = client(label_studio_api_key=PERSONAL_KEY)
    with pytest.raises(LabelStudioError, match=r"login page.*text/html.*SPANLOOP_LABEL_STUDIO_URL") as caught:
        asking.annotation_state([1])
        asking.models(1)
    assert studio.url in str(caught.value)
    assert PERSONAL_KEY not in str(caught.value)


@pytest.mark.parametrize("key", [KEY, PERSONAL_KEY])
def test_a_redirect_to_a_login_page_is_told_with_where_it_leads(client, studio, key):
    studio.redirects_to = f"https://sso.example.com/login?next={key}"
    with pytest.raises(LabelStudioError, match=r"redirects .* to https://sso.example.com/login\..*URL") as caught:
        client(label_studio_api_key=key).annotation_state([1])
    assert studio.url in str(caught.value)
    assert key not in str(caught.value)


def test_an_address_without_its_path_is_told(client):
    with served(Studio(prefix="/ls")) as below, pytest.raises(LabelStudioError, match="its path included"):
        client(label_studio_url=below.url.removesuffix("/ls")).annotation_state([1])


@pytest.mark.parametrize("key", ["two words", "smart “quotes”", "a\nb"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_quoted(client, studio, key):
    with pytest.raises(LabelStudioError, match="SPANLOOP_LABEL_STUDIO_API_KEY has characters") as caught:
        client(label_studio_api_key=key).annotation_state([1])
    assert key not in str(caught.value)
    assert studio.asked == []


@pytest.mark.parametrize(
    ("broken", "key", "says"),
    [
        (401, KEY, "SPANLOOP_LABEL_STUDIO_API_KEY"),
        (403, KEY, "SPANLOOP_LABEL_STUDIO_API_KEY"),
        (401, PERSONAL_KEY, "personal access token"),
        (500, KEY, "500"),
    ],
)
def test_a_refusal_says_what_to_do(client, studio, broken, key, says):
    studio.broken = broken
    with pytest.raises(LabelStudioError, match=says) as caught:
        client(label_studio_api_key=key).annotation_state([1])
    assert key not in str(caught.value)


@pytest.mark.parametrize("overrides", [{"label_studio_url": ""}, {"label_studio_api_key": ""}])
def test_missing_settings_are_named(client, overrides):
    with pytest.raises(LabelStudioError, match="SPANLOOP_LABEL_STUDIO_URL"):
        client(**overrides).annotation_state([1])


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://[broken", "no-scheme", "http://127.0.0.1:99999"])
def test_an_address_that_cannot_be_reached_is_a_clear_error(client, address):
    with pytest.raises(LabelStudioError, match="does not answer"):
        client(label_studio_url=address).annotation_state([1])


def test_an_answer_that_is_not_label_studios_is_a_clear_error(client, studio, monkeypatch):
    for answer in ((200, []), (200, {"detail": "a login page"}), (200, {"tasks": None})):
        monkeypatch.setattr(studio, "answer", lambda *args, answer=answer: answer)
        with pytest.raises(LabelStudioError):
            client().annotation_state([1])
