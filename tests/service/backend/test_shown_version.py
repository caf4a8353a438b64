"""The version that Label Studio shows in a project follows the version that answers."""

from __future__ import annotations

import pytest

from service.backend.local.projects import FileProjects
from service.backend.shown_version import CHECK_SECONDS, ShownVersion
from service.labelstudio.client import LabelStudio
from tests.support.clock import Clock
from tests.support.studio import KEY, StudioProject

HERE = "spanloop.example.com:9090"
OLD, NEW = "starter-0aae30.111111", "20261129-200751-1edc5d.222222"


@pytest.fixture
def project(studio):
    studio.projects = {1: StudioProject(models=[f"http://{HERE}"], tasks=10, predicted={NEW: 10})}
    return studio.projects[1]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(tmp_path, project, studio, settings, clock):
    projects = FileProjects(tmp_path)
    projects.configure(1, "", host=HERE)

    def made(**options):
        client = LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=options.pop("key", KEY)))
        return ShownVersion(
            projects,
            client,
            lambda config, number: NEW,
            lambda: {"starter-0aae30", "20261101-120000-abcdef"},
            clock,
            **options,
        )

    return made


@pytest.mark.parametrize("shown", ["Spanloop", OLD, "20261101-120000-abcdef.333333"])
def test_the_title_and_earlier_versions_give_way_to_the_version_that_answers(make, project, shown):
    project.model_version = shown
    make().look()
    assert project.model_version == NEW


@pytest.mark.parametrize(
    "chosen",
    ["", "another-model", "gold 2025", "other-1.5.abcdef", "20261101-120000-abcdef", "20251101-120000-abcdef.333333"],
)
def test_what_a_person_chose_stays(make, project, chosen):
    project.model_version = chosen
    make().look()
    assert project.model_version == chosen


def test_a_title_of_another_model_stays(make, project):
    project.models = ["http://other.example.com", "http://another.example.com"]
    make().look()
    assert project.model_version == "Spanloop"


def test_the_title_of_a_sole_model_that_is_another_stays(make, project):
    project.models = ["http://other.example.com"]
    make().look()
    assert project.model_version == "Spanloop"


def test_of_several_models_the_title_of_this_one_gives_way(make, project):
    project.models = ["http://other.example.com", f"http://name:password@{HERE}/below"]
    make().look()
    assert project.model_version == NEW


def test_before_most_tasks_have_a_prediction_tasks_are_predicted_when_they_are_opened(make, project):
    project.predicted = {NEW: 5}
    shown = make()
    shown.look()
    assert project.model_version == "Spanloop"
    project.predicted = {NEW: 6}
    shown.look()
    assert project.model_version == NEW


def test_it_looks_now_and_then_and_asks_little_where_nothing_changed(make, project, studio, clock):
    shown = make()
    clock.seconds += CHECK_SECONDS
    shown.tick()
    assert project.model_version == NEW
    studio.asked.clear()
    shown.tick()
    assert not studio.asked
    clock.seconds += CHECK_SECONDS
    shown.tick()
    assert studio.asked == ["GET /api/projects/1/"]


@pytest.mark.parametrize("options", [{"enabled": False}, {"key": ""}])
def test_without_the_setting_or_a_key_nothing_is_asked(make, studio, clock, options):
    shown = make(**options)
    clock.seconds += CHECK_SECONDS
    shown.tick()
    assert not studio.asked


def test_a_label_studio_that_refuses_is_logged_once(make, studio, project, service_log):
    studio.broken = 403
    shown = make()
    shown.look()
    shown.look()
    assert sum("stays as it is" in line for line in service_log) == 1
    studio.broken = 0
    shown.look()
    assert project.model_version == NEW
