"""A rollout whose pods refuse the version for its signature is undone at once, with what the pods say."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from service.backend.cluster.api import Cluster
from service.backend.cluster.rollout import ROLLOUT_ANNOTATION
from service.backend.dependencies import Dependency
from service.backend.page.health import health
from service.versions.pull import EXIT_FAILED, EXIT_REFUSED
from tests.support.clock import Clock
from tests.support.rollouts import TickedRollout

V1, V2 = (f"registry.example.com/spanloop:{name}-broken@sha256:{'1' * 64}" for name in ("v1", "v2"))
WHY = "The model of version v2-broken is not to be trusted: it has no signature."
SPEC = {"containers": [{"name": "extractor", "ports": [{"name": "http", "containerPort": 9091}]}]}


@pytest.fixture
def rollout(api, on_cluster):
    """The rollout of a version whose pods are not ready."""
    one = TickedRollout(Cluster(on_cluster()), clock=Clock())
    one.promote("", V2, "better")
    return one


def put(api, status, reference=V2, spec=SPEC):
    metadata = {"name": "pod", "annotations": {"spanloop.dev/version": reference}}
    api.put("pods", {"metadata": metadata, "spec": spec, "status": status})


def pull_ended(code, state="state"):
    """The status of a pod whose init container has ended, and which may wait for another try."""
    return {"initContainerStatuses": [{"name": "pull", state: {"terminated": {"exitCode": code, "message": WHY}}}]}


@pytest.mark.parametrize("state", ["state", "lastState"])
def test_what_the_pull_refused_is_taken_back_at_once_and_the_history_says_why(api, rollout, grown, state):
    rollout.tick()
    assert rollout.target == V2
    put(api, pull_ended(EXIT_REFUSED, state))
    rollout.tick()
    assert rollout.target == ""
    assert rollout.history.why == f"v2-broken was taken back: {WHY}"
    assert grown("spanloop_errors_total", cause="signature") == 1
    assert grown("spanloop_rollouts_total", outcome="undone") == 1


def test_a_version_that_served_and_is_refused_when_its_pod_starts_again_is_said_and_stays_live(api, rollout, grown):
    state = api.extractor["metadata"]["annotations"]
    state[ROLLOUT_ANNOTATION] = rollout.history.model_copy(update={"good": V2}).as_json()
    put(api, pull_ended(EXIT_REFUSED))
    for _ in range(2):
        rollout.tick()
    assert rollout.target == V2
    assert rollout.trouble == WHY
    assert grown("spanloop_errors_total", cause="signature") == 1
    extractor = SimpleNamespace(why_not="", version="v2", device="", since=None)
    dependencies = {"api_server": Dependency("api_server")}
    supervisor = SimpleNamespace(rollout=rollout, extractor=extractor, dependencies=dependencies)
    assert health(supervisor).notices == [WHY]
    put(api, {"conditions": [{"type": "Ready", "status": "True"}]})
    rollout.tick()
    assert rollout.trouble == ""


def test_a_pull_that_failed_for_another_cause_is_tried_again(api, rollout):
    put(api, pull_ended(EXIT_FAILED))
    rollout.tick()
    assert rollout.target == V2


def test_a_pod_of_another_version_says_nothing_of_the_new_one(api, rollout):
    put(api, pull_ended(EXIT_REFUSED), reference=V1)
    rollout.tick()
    assert rollout.target == V2


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ({"error": WHY, "cause": "signature"}, ""),
        ({"error": "The model is being loaded."}, V2),
        ({"error": "no room", "cause": "model_load"}, V2),
        ([], V2),
    ],
)
def test_what_the_extractor_refuses_of_a_cached_model_is_taken_back_at_once(api, rollout, pods, answer, target):
    pod = pods(Starlette(routes=[Route("/ready", lambda request: JSONResponse(answer, 503))]))
    pod.start()
    containers = [{"name": "extractor", "ports": [{"name": "http", "containerPort": pod.port}]}]
    status = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "False"}]}
    put(api, status, spec={"containers": containers})
    rollout.tick()
    assert rollout.target == target


def test_a_pod_that_is_ready_is_not_asked(api, rollout):
    status = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    put(api, status, spec={"containers": [{"name": "extractor", "ports": [{"containerPort": 1}]}]})
    rollout.tick()
    assert rollout.target == V2
