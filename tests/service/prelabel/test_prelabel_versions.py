"""A pre-labelling while another version becomes live, or the label config changes."""

from __future__ import annotations

import pytest

from service.prelabel import live
from tests.support.prelabelling import COUNT, V1, V2
from tests.support.studio import LABEL_CONFIG


def test_another_version_ends_it_after_what_was_made_is_written(studio, source, make):
    def rolled_out(tasks):
        if len(source.asked) >= 200:
            source.version_now = V2

    source.before = rolled_out
    done = make()
    assert done.run() == "version changed"
    assert V2 in done.stands.message
    assert not studio.of(V2)
    count = len(studio.of(V1))
    assert count == done.stands.written >= 200
    assert studio.of(V1) == list(range(1, count + 1))
    assert make().run() == "done"
    assert studio.of(V2) == list(range(1, COUNT + 1))


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_label_config_that_another_version_answers_for_ends_it(source, studio, make, monkeypatch, seconds):
    monkeypatch.setattr(live, "LOOK_SECONDS", seconds)
    config = [LABEL_CONFIG]

    def changed(tasks):
        if len(source.asked) > 100:
            config[0] = LABEL_CONFIG.replace("city", "disease")

    source.before = changed
    done = make(read_config=lambda: config[0])
    assert done.run() == "version changed"
    assert "label config of project 1 has changed" in done.stands.message
    assert V2 in done.stands.message
    assert len(studio.of(V1)) == done.stands.written >= 100
    if not seconds:
        assert len(studio.of(V1)) < COUNT


def test_a_label_config_that_changes_nothing_for_the_version_is_sent_from_then_on(source, studio, make, monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.0)
    coloured = LABEL_CONFIG.replace('value="city"', 'value="city" background="red"')
    configs = [coloured, LABEL_CONFIG]
    assert make(read_config=lambda: configs.pop() if len(configs) > 1 else coloured).run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert source.configs[0] == LABEL_CONFIG
    assert source.configs[-1] == coloured


@pytest.fixture
def rollout(source, monkeypatch):
    """Another version answers once 100 tasks are predicted, while the backend still names the first."""
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.01)
    source.named = V1

    def begins(tasks):
        if len(source.asked) >= 100:
            source.version_now, source.before = V2, lambda tasks: None

    source.before = begins


def test_a_rollout_is_waited_for_and_told_until_the_backend_names_the_other_version(rollout, source, studio, make):
    told = []

    def report(stands):
        if stands.waits:
            told.append((stands.waits, stands.written))
            source.named = V2 if len(told) >= 5 else V1

    done = make(report=report)
    assert done.run() == "version changed"
    assert {why for why, _ in told} == {
        f"version {V2} answers already, though {V1} is not replaced yet; it is asked again"
    }
    assert {written for _, written in told} == {len(studio.of(V1))}, "what it had was written before"
    assert not done.stands.waits
    assert not studio.of(V2)


def test_a_rollout_that_is_undone_ends_nothing(rollout, source, studio, make):
    def report(stands):
        if stands.waits:
            source.version_now = V1

    done = make(report=report)
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert not studio.of(V2)
    assert not done.stands.waits


def test_one_answer_of_the_old_version_does_not_mean_that_a_rollout_is_undone(rollout, source, studio, make):
    probes = []

    def before(tasks):
        if source.version_now == V2 or probes:
            probes.append(tasks)
            source.version_now = (V1, V2)[len(probes) % 2]
            source.named = V2 if len(probes) > 9 else V1
        elif len(source.asked) >= 100:
            source.version_now = V2

    source.before = before
    assert make().run() == "version changed"
    assert len(probes) == 10


def test_a_rollout_without_an_end_ends_it(rollout, source, make, monkeypatch):
    monkeypatch.setattr(live, "ROLLOUT_SECONDS", 0.2)
    done = make()
    assert done.run() == "version changed"
    assert V2 in done.stands.message


def test_a_rollout_is_not_waited_for_by_whoever_must_end(rollout, source, make, monkeypatch):
    monkeypatch.setattr(live, "RETRY_SECONDS", 600.0)
    done = make(report=lambda stands: done.stop() if stands.waits else None)
    assert done.run() == "stopped"
