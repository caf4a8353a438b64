"""The live version on a real API server: rolled out, taken back, taken over."""

from __future__ import annotations

import json

import pytest

from service.backend.cluster.rollout import is_ready, reference_of
from service.backend.cluster.scaling import Scaling
from service.versions.history import Conflict
from tests.support.clock import Clock
from tests.support.rollouts import TickedRollout

from .conftest import kubectl

GOOD = "registry.example.com/spanloop:v1@sha256:" + "1" * 64
BETTER = "registry.example.com/spanloop:v2@sha256:" + "2" * 64
BROKEN = "registry.example.com/spanloop:v3-broken@sha256:" + "3" * 64


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def successor(cluster, clock):
    """A backend that has just started: it knows what is on the Deployment, no more."""

    def make():
        made = TickedRollout(cluster, clock=clock)
        made.look()
        return made

    return make


@pytest.fixture
def rollout(successor, cluster, until):
    until(lambda: is_ready(cluster.deployment()), 60, "the first pod")
    return successor()


def over(rollout):
    rollout.tick()
    return rollout.is_over


def pod_versions(cluster):
    """What the extractor's pods are of; those that are ending answer nobody."""
    pods = json.loads(kubectl("get", "--namespace", cluster.namespace, "pods", "--output", "json"))["items"]
    running = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return [pod["metadata"].get("annotations", {}).get("spanloop.dev/version", "") for pod in running]


def rolled(rollout, reference, until, expected=""):
    rollout.promote(expected, reference, "better")
    until(lambda: over(rollout), 60, f"the rollout of {reference}")


def test_a_promoted_version_answers_when_its_pods_are_ready_and_none_of_the_old_is_left(rollout, cluster, until):
    assert rollout.version == "starter"
    rollout.promote("", GOOD, "better")
    assert rollout.version == "starter"
    until(lambda: over(rollout), 60, "the rollout")
    assert (rollout.version, rollout.reference) == ("v1", GOOD)
    assert pod_versions(cluster) == [GOOD]
    assert rollout.history.why == "better"


def test_a_version_whose_pods_do_not_become_ready_is_taken_back(rollout, cluster, clock, until):
    rolled(rollout, GOOD, until)
    rollout.promote(GOOD, BROKEN, "by hand")
    until(lambda: cluster.deployment()["status"].get("unavailableReplicas"), 60, "a pod that is not ready")
    rollout.tick()
    assert reference_of(cluster.deployment()) == BROKEN
    assert rollout.version == "v1"
    clock.seconds += 61
    rollout.tick()
    assert reference_of(cluster.deployment()) == GOOD
    assert "taken back" in rollout.history.why
    until(lambda: is_ready(cluster.deployment()), 60, "the good version's pods")


def test_the_first_version_of_all_is_taken_back_to_the_initial_model(rollout, cluster, clock):
    rollout.promote("", BROKEN, "by hand")
    rollout.tick()
    clock.seconds += 61
    rollout.tick()
    assert reference_of(cluster.deployment()) == ""
    assert rollout.version == "starter"


def test_a_backend_killed_during_a_rollout_is_followed_by_one_that_finishes_it(rollout, successor, until):
    rollout.promote("", GOOD, "better")
    restarted = successor()
    assert not restarted.is_over
    until(lambda: over(restarted), 60, "the rollout")
    assert restarted.version == "v1"
    assert successor().version == "v1"


def test_a_backend_killed_during_a_rollout_is_followed_by_one_that_undoes_it(rollout, successor, cluster, clock):
    rollout.promote("", BROKEN, "better")
    restarted = successor()
    restarted.tick()
    clock.seconds += 61
    restarted.tick()
    assert reference_of(cluster.deployment()) == ""
    assert restarted.is_over


def test_a_version_that_fails_is_taken_back_to_what_was_good_not_to_what_was_before_it(rollout, cluster, clock, until):
    rolled(rollout, GOOD, until)
    rolled(rollout, BETTER, until, expected=GOOD)
    rollout.promote(BETTER, BROKEN, "by hand")
    rollout.promote(BROKEN, BROKEN.replace("v3", "v4"), "by hand, in a hurry")
    rollout.tick()
    clock.seconds += 61
    rollout.tick()
    assert reference_of(cluster.deployment()) == BETTER
    assert {GOOD, BETTER} <= rollout.history.in_use


def test_a_version_judged_against_what_is_not_live_any_more_is_refused(rollout, until):
    rolled(rollout, GOOD, until)
    with pytest.raises(Conflict, match="v1, not the initial model"):
        rollout.promote("", BETTER, "better than the initial model")
    assert rollout.reference == GOOD


def test_a_broken_version_set_with_kubectl_is_taken_back(rollout, cluster, clock, patch, until):
    rolled(rollout, GOOD, until)
    patch({"spec": {"template": {"metadata": {"annotations": {"spanloop.dev/version": BROKEN}}}}})
    rollout.tick()
    assert not rollout.is_over
    rollout.tick()
    clock.seconds += 61
    rollout.tick()
    assert reference_of(cluster.deployment()) == GOOD


def test_a_rollback_brings_back_the_version_before(rollout, cluster, until):
    rolled(rollout, GOOD, until)
    rolled(rollout, BETTER, until, expected=GOOD)
    rollout.rollback(BETTER, GOOD, "by hand")
    until(lambda: over(rollout), 60, "the rollback")
    assert rollout.version == "v1"
    assert reference_of(cluster.deployment()) == GOOD


def test_a_promotion_at_zero_wakes_one_pod(rollout, cluster, until):
    cluster.scale(0)
    rolled(rollout, GOOD, until)
    assert cluster.deployment()["spec"]["replicas"] == 1


def test_the_extractor_rests_when_idle_and_is_woken_by_a_request(rollout, cluster, until):
    seconds = [0.0]
    scaling = Scaling(rollout.deployment, rollout, idle_seconds=300, clock=lambda: seconds[0])
    scaling.rest()
    scaling.rouse()
    assert cluster.deployment()["spec"]["replicas"] == 1
    seconds[0] = 301
    scaling.rest()
    assert cluster.deployment()["spec"]["replicas"] == 0
    assert rollout.version == "starter"
    scaling.wake()
    scaling.rouse()
    until(lambda: is_ready(cluster.deployment()), 60, "the woken pod")


def test_the_extractor_does_not_rest_while_a_backend_that_does_not_lead_is_asked(rollout, cluster):
    seconds = [0.0]
    leading, other = (Scaling(rollout.deployment, rollout, idle_seconds=5, clock=lambda: seconds[0]) for _ in range(2))
    for _ in range(8):
        seconds[0] += 1
        rollout.deployment.look()  # its controller changes it all the time, and each tick begins with a look
        other.asked()
        other.note()
        leading.note()
        leading.rest()
        assert cluster.deployment()["spec"]["replicas"] == 1
    for _ in range(7):
        seconds[0] += 1
        rollout.deployment.look()  # its controller changes it all the time, and each tick begins with a look
        other.note()
        leading.note()
        leading.rest()
    assert cluster.deployment()["spec"]["replicas"] == 0


def test_the_extractor_does_not_rest_during_a_rollout(rollout, cluster):
    seconds = [0.0]
    scaling = Scaling(rollout.deployment, rollout, idle_seconds=300, clock=lambda: seconds[0])
    rollout.promote("", BROKEN, "better")
    seconds[0] = 301
    scaling.rest()
    assert cluster.deployment()["spec"]["replicas"] == 1


def test_what_was_taken_back_is_remembered_until_somebody_promotes_it(rollout, successor, cluster, clock, until):
    rolled(rollout, GOOD, until)
    rollout.promote(GOOD, BROKEN, "better")
    rollout.tick()
    clock.seconds += 61
    until(lambda: over(rollout) and rollout.reference == GOOD, 60, "the good version again")
    rolled(rollout, BETTER, until, expected=GOOD)
    rollout.rollback(BETTER, GOOD, "by hand")
    until(lambda: over(rollout), 60, "the rollback")
    assert successor().history.given_up == (BROKEN, BETTER)
    rolled(rollout, BETTER, until, expected=GOOD)
    assert successor().history.given_up == (BROKEN,)
