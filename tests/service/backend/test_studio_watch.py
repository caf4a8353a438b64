"""What the page knows of Label Studio."""

from __future__ import annotations

import pytest

from service.backend.local.projects import FileProjects
from service.backend.studio_watch import CLOSED_SECONDS, LOOK_SECONDS, OPEN_SECONDS, StudioWatch
from service.labelstudio.client import LabelStudio, Overview
from service.settings import LabelStudioSettings
from tests.support.annotated import AnnotatedStudio
from tests.support.clock import Clock
from tests.support.studio import KEY, served


@pytest.fixture
def studio():
    with served(AnnotatedStudio()) as state:
        first, *_ = state.project(1, ["Alice", "Bob", "Carol"], title="Letters", tasks=3)
        state.annotate(first, [])
        yield state


@pytest.fixture
def watch(studio, tmp_path):
    def made(key=KEY):
        projects = FileProjects(tmp_path)
        projects.see(1, "http://testserver")
        settings = LabelStudioSettings(label_studio_url=studio.url, label_studio_api_key=key)
        clock = Clock()
        return StudioWatch(projects, LabelStudio(settings), clock), clock

    return made


def test_it_knows_how_many_tasks_are_annotated(watch):
    watching, _ = watch()
    assert not watching.dependency.state.is_up
    watching.tick()
    assert watching.seen == {1: Overview("Letters", 3, 1)}
    assert watching.dependency.state.is_up


def test_it_looks_now_and_then_and_more_often_while_somebody_has_the_page_open(watch, studio):
    watching, clock = watch()
    watching.tick()
    studio.asked.clear()
    clock.seconds += LOOK_SECONDS + OPEN_SECONDS
    watching.tick()
    assert studio.asked == []
    clock.seconds += CLOSED_SECONDS
    watching.tick()
    assert len(studio.asked) == 3
    studio.asked.clear()
    clock.seconds += LOOK_SECONDS
    watching.opened()
    watching.tick()
    assert studio.asked == ["GET /api/current-user/whoami", "GET /api/projects/1/", "GET /api/tasks/"]
    watching.tick()
    assert len(studio.asked) == 3


def test_trouble_is_told_with_since_when_and_the_counts_stay(watch, studio):
    watching, _ = watch()
    watching.look()
    well, counts = watching.dependency.state, watching.seen
    studio.broken = 502
    watching.look()
    ill = watching.dependency.state
    assert "502" in ill.trouble
    assert ill.since > well.since
    assert watching.seen == counts
    watching.look()
    assert watching.dependency.state.since == ill.since


@pytest.mark.parametrize(("key", "told"), [("", "SPANLOOP_LABEL_STUDIO_API_KEY"), ("wrong", "API key")])
def test_a_missing_or_wrong_key_is_told_before_there_is_a_project(watch, key, told):
    watching, _ = watch(key)
    watching._projects.forget(1, "to have none")
    watching.look()
    assert told in watching.dependency.state.trouble


def test_a_project_that_is_gone_has_no_counts(watch, studio):
    watching, _ = watch()
    del studio.projects[1]
    watching.look()
    assert (watching.dependency.state.trouble, watching.seen) == ("", {})
