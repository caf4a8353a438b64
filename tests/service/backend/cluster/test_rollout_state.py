"""Where a rollout stands, as it is written on the Deployment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from service.backend.cluster.api import Cluster
from service.backend.cluster.rollout import RolloutState, reference_of, state_of
from service.backend.cluster.settings import ReleaseSettings
from tests.support.clock import Clock
from tests.support.rollouts import TickedRollout

REPOSITORY = "registry.example.com/spanloop"
V1, V2, V3, BROKEN = (
    f"{REPOSITORY}:{name}@sha256:" + str(n) * 64 for n, name in enumerate(["v1", "v2", "v3", "v4-broken"], start=1)
)
AT = datetime(2026, 1, 1, tzinfo=UTC)

OLD = f"""{{"good":"{V1}","target":"{V2}","since":"2026-11-26T09:00:00.5Z","history":[
{{"reference":"{V1}","at":"2026-11-25T18:26:48Z","why":"Promoted by run-1. better"}},
{{"reference":"{V2}","at":"2026-11-26T09:00:00.5Z","why":"Promoted by hand."}}],"given_up":["{V3}"]}}"""
"""The annotation as Spanloop wrote it before a machine's history and a cluster's were one model."""


class OldTurn(BaseModel):
    reference: str
    at: datetime
    why: str


class OldState(BaseModel):
    """The annotation as that Spanloop read it."""

    good: str
    target: str
    since: datetime
    history: tuple[OldTurn, ...]
    given_up: tuple[str, ...]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backend(api, settings, clock):
    """A backend that has just started: it knows what is on the Deployment, no more."""

    def make():
        cluster = Cluster(settings(ReleaseSettings, namespace="here", release="loop", extractor_deployment="extractor"))
        made = TickedRollout(cluster, clock=clock)
        made.look()
        return made

    return make


def left_by_an_older_one(api, noted, template):
    api.extractor["metadata"]["annotations"] = {"spanloop.dev/rollout": noted}
    api.extractor["spec"]["template"]["metadata"]["annotations"] = {"spanloop.dev/version": template}
    api.put("deployments", api.extractor)


def test_the_annotation_of_an_older_spanloop_means_the_same():
    state = RolloutState.model_validate_json(OLD)
    assert (state.good, state.target, state.previous, state.is_over) == (V1, V2, V1, False)
    assert (state.why, state.given_up) == ("Promoted by hand.", (V3,))
    assert state.since == datetime(2026, 11, 26, 9, 0, 0, 500000, tzinfo=UTC)
    assert state.in_use == {V1, V2}


def test_an_older_spanloop_reads_the_annotation():
    stored = RolloutState.model_validate_json(OLD).as_json()
    assert OldState.model_validate_json(stored) == OldState.model_validate_json(OLD)
    swapped = RolloutState.model_validate_json(OLD).swapped(V3, "Promoted by hand.", AT)
    old = OldState.model_validate_json(swapped.as_json())
    assert (old.good, old.target, old.since, old.given_up) == (V1, V3, AT, ())
    assert [turn.reference for turn in old.history] == [V1, V2, V3]


def test_a_rollout_that_an_older_spanloop_began_is_finished(api, backend):
    left_by_an_older_one(api, OLD, V2)
    rollout = backend()
    assert (rollout.version, rollout.target, rollout.is_over) == ("v1", V2, False)
    rollout.tick()
    assert (rollout.version, rollout.is_over) == ("v2", True)
    assert rollout.history.given_up == (V3,)
    rollout.rollback(V2, V1, "by hand")
    assert reference_of(api.extractor) == V1


def test_a_rollout_that_an_older_spanloop_began_is_taken_back(api, backend, clock):
    left_by_an_older_one(api, OLD.replace(V2, BROKEN), BROKEN)
    rollout = backend()
    rollout.tick()
    clock.seconds = 61
    rollout.tick()
    assert reference_of(api.extractor) == rollout.reference == V1
    assert (rollout.history.previous, rollout.history.given_up) == ("", (V3, BROKEN))


def test_what_is_in_use_are_the_target_the_one_before_it_and_what_serves():
    state = RolloutState(good=V1).swapped(V1, "", AT).swapped(V2, "", AT).swapped(V3, "", AT)
    assert state.in_use == {V1, V2, V3}
    assert state.undone(V1, "not ready", AT).in_use == {V1}


def test_the_annotation_does_not_grow_without_end(api, backend):
    rollout = backend()
    for n in range(RolloutState.CHANGES_KEPT + 5):
        rollout.promote(rollout.target, f"{REPOSITORY}:v{n}@sha256:" + "0" * 64, "better")
    assert len(backend().history.changes) == RolloutState.CHANGES_KEPT
    assert reference_of(api.extractor) == backend().target


def test_a_rollout_to_the_same_version_later_is_another_one():
    """A version that is rolled out a second time is watched anew, from the start of that rollout."""
    state = RolloutState().swapped(V1, "", AT)
    again = state.back("", AT).swapped(V1, "", AT + timedelta(hours=1))
    assert (state.target, state.since) != (again.target, again.since)


def test_an_annotation_that_cannot_be_read_counts_as_nothing(api):
    left_by_an_older_one(api, '{"history": 7}', V1)
    assert state_of(api.extractor) == RolloutState()
    assert json.loads(RolloutState().as_json()) == {"history": [], "given_up": [], "good": "", "target": ""}
