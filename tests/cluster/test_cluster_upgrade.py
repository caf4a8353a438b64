"""An upgrade from the last release with a run in progress, and back: its chart, its code, its state and its Bento."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end.material import CONFIG, sentences
from tests.support.lacking import missing
from tests.support.past_release import last

from .load import Load, load
from .release import CHART, IMAGE, quickly, released
from .runs import in_phase

pytestmark = pytest.mark.slow

BEFORE = os.environ.get("SPANLOOP_TEST_IMAGE_BEFORE", "")
"""The image of the last release."""
NEW_NAMES = {"human": "somebody", "firm": "business", "place": "town"}
"""Names of labels that the version of the last release has not learnt: a run makes a better one."""
THRESHOLD = 0.4


@pytest.fixture(scope="module")
def past():
    return last()


@pytest.fixture(scope="module")
def release(studio, registry, past):
    """The last release. It goes on from what was kept of it."""
    if not BEFORE:
        missing(f"SPANLOOP_TEST_IMAGE_BEFORE names no image of Spanloop {past.version}")
    earlier = {"chart": str(past.chart), "image": BEFORE, "training": quickly(steps=200)}
    with released(registry.address, studio, past, **earlier) as release:
        release.until_version(past.live)
        yield release


def assert_answers_as_kept(release, past):
    known = past.answers[past.live]
    assert any(one["spans"] for one in known)
    assert release.version == past.live
    assert release.found([one["text"] for one in known]) == [one["spans"] for one in known]


@dataclass(frozen=True)
class Standing:
    """What an upgrade must keep."""

    history: list[str]
    projects: dict[int, float | None]

    @classmethod
    def of(cls, release):
        return cls(release.history, release.projects)


@dataclass(frozen=True)
class Upgrade:
    """An upgrade, and the run that began before it."""

    before: Standing
    after: Standing
    begun: str
    """The run's id, before the upgrade."""
    run: dict[str, Any]
    """How the run has ended, after it."""
    seen: Load


@pytest.fixture(scope="module")
def upgraded(release, studio):
    """`helm upgrade` to the release of today while a run tunes; predictions are asked for all the while."""
    release.connect(*annotated_anew())
    release.connected(studio.project([], CONFIG), extra_params={"threshold": THRESHOLD})
    release.start_training()
    begun = in_phase(release, "tune")["job"]
    before = Standing.of(release)
    with load(release) as seen:
        release.upgrade_to(CHART, IMAGE)
        after = Standing.of(release)
        run = release.ended(900)
        release.until_version(run["version"])
    return Upgrade(before, after, begun, run, seen)


def annotated_anew():
    """Annotated texts with the new names of labels, and the label config."""
    gold = {text: [(words, NEW_NAMES[label]) for words, label in found] for text, found in sentences(170).items()}
    config = CONFIG
    for name, new in NEW_NAMES.items():
        config = config.replace(f'"{name}"', f'"{new}"')
    return gold, config


def test_the_last_release_serves_the_version_that_was_kept(release, past):
    assert release.images == {BEFORE}
    assert_answers_as_kept(release, past)


def test_a_run_of_the_last_release_ends_well_in_that_of_today(release, upgraded):
    assert release.images == {IMAGE}
    assert upgraded.run["job"] == upgraded.begun
    assert upgraded.run["outcome"] == "promoted", upgraded.run["message"]
    assert release.version == upgraded.run["version"]


def test_no_request_is_lost_in_the_upgrade_and_the_rollout_after_it(upgraded, past):
    assert upgraded.seen.failures == []
    assert set(upgraded.seen.versions) <= {past.live, upgraded.run["version"]}


def test_history_and_projects_are_the_same_after_the_upgrade(release, upgraded, past):
    before, after = upgraded.before, upgraded.after
    assert after.history[: len(before.history)] == before.history
    assert after.projects == before.projects
    assert THRESHOLD in after.projects.values()
    assert {past.live, upgraded.run["version"]} <= set(release.versions)


def test_the_release_of_today_goes_back_to_the_version_of_the_last_one(release, upgraded, past):
    release.service("rollback")
    release.until_version(past.live)
    assert_answers_as_kept(release, past)
    release.service("promote", upgraded.run["version"])
    release.until_version(upgraded.run["version"])


def test_helm_rollback_brings_the_last_release_back_and_it_serves_the_same(release, upgraded):
    texts = [*sentences(6, seed=99)]
    before, version, found = Standing.of(release), release.version, release.found(texts)
    with load(release) as seen:
        release.take_back()
        assert (release.images, release.version) == ({BEFORE}, version)
        assert (Standing.of(release), release.found(texts)) == (before, found)
    assert seen.failures == []
    assert set(seen.versions) == {version}
