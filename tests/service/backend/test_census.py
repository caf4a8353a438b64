"""Which projects a release still has, as Label Studio tells."""

from __future__ import annotations

import json

import pytest

from service.backend.census import CHECK_SECONDS, Census
from service.backend.local.projects import FileProjects
from service.labelstudio.client import LabelStudio
from tests.support.clock import Clock
from tests.support.studio import KEY, StudioProject

HERE = "spanloop.example.com:9090"
OURS = f"http://{HERE}"


@pytest.fixture
def projects(tmp_path, studio):
    studio.projects = {number: StudioProject(models=[OURS]) for number in (1, 2)}
    known = FileProjects(tmp_path)
    for number in studio.projects:
        known.configure(number, "", host=HERE)
    known.tick()
    return known


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def census(projects, studio, settings, clock):
    return Census(projects, LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=KEY)), clock)


def test_projects_that_use_this_release_stay(census, projects):
    census.take()
    assert projects.ids == (1, 2)


def test_a_project_that_was_deleted_or_never_was_is_forgotten_and_the_log_says_why(
    census, projects, studio, service_log
):
    del studio.projects[2]
    projects.configure(99, "", host=HERE)
    census.take()
    assert projects.ids == (1,)
    for number in (2, 99):
        assert any(f"project {number} is forgotten: Label Studio has no such project" in line for line in service_log)


def test_a_project_that_was_disconnected_is_forgotten_until_it_is_connected_again(census, projects, studio):
    studio.projects[2].models = []
    census.take()
    assert projects.ids == (1,)
    studio.projects[2].models = [OURS]
    projects.configure(2, "", host=HERE)
    census.take()
    assert projects.ids == (1, 2)


def test_a_project_that_uses_another_model_is_forgotten_and_the_log_names_it(census, projects, studio, service_log):
    census.take()
    studio.projects[2].models = ["http://user:secret@other.example.com:9090/ml"]
    census.take()
    assert projects.ids == (1,)
    assert any("another model, at other.example.com:9090" in line for line in service_log)
    assert not any("secret" in line for line in service_log)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (HERE, f"{OURS}/"),
        (HERE, f"http://login:password@{HERE}/below/a/path"),
        ("Spanloop.Example.com", "https://spanloop.example.com:443"),
        ("spanloop:80", "http://spanloop"),
        ("[::1]:9090", "http://[::1]:9090"),
    ],
)
def test_a_backend_knows_itself_by_the_host_that_label_studio_called_it_by(census, projects, studio, host, url):
    projects.configure(2, "", host=host)
    studio.projects[2].models = ["http://another:9090", url]
    census.take()
    assert projects.ids == (1, 2)


def test_a_call_that_comes_while_models_are_listed_keeps_a_project(census, projects, studio):
    census.take()
    for project in studio.projects.values():
        project.models = ["http://another.example.com:9090"]
    studio.asks_models = lambda number: number == 1 and projects.configure(1, "", host=HERE)
    census.take()
    assert projects.ids == (1,)


def test_a_backend_behind_a_proxy_that_writes_another_host_forgets_no_project_that_has_a_model(
    census, projects, studio
):
    for number, project in studio.projects.items():
        project.models = ["https://ingress.example.com/spanloop"]
        projects.configure(number, "", host="upstream")
    for _ in range(3):
        census.take()
    assert projects.ids == (1, 2)
    studio.projects[2].models = []
    census.take()
    assert projects.ids == (1,)


def test_one_project_that_label_studio_cannot_tell_of_keeps_no_other_from_being_checked(
    census, projects, studio, monkeypatch
):
    answer = studio.answer
    monkeypatch.setattr(
        studio,
        "answer",
        lambda method, path, query: (500, {}) if query.get("project") == ["1"] else answer(method, path, query),
    )
    del studio.projects[2]
    census.take()
    assert projects.ids == (1,)


def test_a_project_whose_host_was_never_kept_stays_while_it_has_a_model(tmp_path, projects, studio, settings):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "projects.json").write_text(json.dumps({"1": {"id": 1}, "2": {"id": 2}}))
    old = FileProjects(tmp_path / "old")
    studio.projects[2].models = []
    Census(old, LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=KEY))).take()
    assert old.ids == (1,)


@pytest.mark.parametrize("trouble", ["broken", "page", "other", "down", "key"])
def test_a_label_studio_that_cannot_be_asked_forgets_nothing(
    projects, studio, settings, monkeypatch, trouble, service_log
):
    studio.projects = {}
    url, key = studio.url, KEY
    if trouble == "broken":
        studio.broken = 500
    elif trouble == "page":
        studio.page_below, studio.page_status = "", 404
    elif trouble == "other":
        monkeypatch.setattr(studio, "answer", lambda *asked: (404, {"detail": "Not Found"}))
    elif trouble == "down":
        url = "http://127.0.0.1:9"
    else:
        key = "f" * 40
    Census(projects, LabelStudio(settings(label_studio_url=url, label_studio_api_key=key))).take()
    assert projects.ids == (1, 2)
    assert any("cannot say whether project" in line for line in service_log)


def test_without_a_key_projects_that_were_not_called_for_in_a_week_are_forgotten(tmp_path, projects, settings):
    kept = json.loads((tmp_path / "projects.json").read_text())
    kept["2"]["seen"] = "2026-01-01T00:00:00Z"
    (tmp_path / "projects.json").write_text(json.dumps(kept))
    again = FileProjects(tmp_path)
    assert again.ids == (1, 2)
    Census(again, LabelStudio(settings())).take()
    again.tick()
    assert again.ids == FileProjects(tmp_path).ids == (1,)
    Census(again, LabelStudio(settings())).take()
    again.tick()
    assert again.ids == (1,)


def test_label_studio_is_asked_now_and_then_not_at_every_tick(census, studio, clock):
    for _ in range(3):
        census.tick()
    assert studio.asked == []
    clock.seconds += CHECK_SECONDS
    for _ in range(3):
        census.tick()
    assert studio.asked == ["GET /api/ml/"] * 2
