"""Why a pod ended, in words that name what to change."""

from __future__ import annotations

import pytest

from service.backend.cluster.endings import explained, why_ended

LABELS = {"app.kubernetes.io/component": "training"}


def pod(phase="Failed", state=None, limits=None, labels=LABELS, **status):
    container = {"name": "training", "resources": {"limits": limits or {}}}
    if state:
        status["containerStatuses"] = [{"name": "training", "state": {"terminated": state}}]
    return {
        "metadata": {"name": "pod", "labels": labels},
        "spec": {"containers": [container]},
        "status": {"phase": phase, **status},
    }


DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "node drained"}
KILLED = {"reason": "OOMKilled", "exitCode": 137}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (pod(state=KILLED, limits={"memory": "4Gi"}), "than training.resources.limits.memory allows (4Gi)"),
        (pod(state=KILLED), "training.resources.limits.memory"),
        (
            pod(state=KILLED, limits={"memory": "1Gi"}, labels={"app.kubernetes.io/component": "prelabel"}),
            "prelabel.resources.limits.memory allows (1Gi)",
        ),
        (pod(reason="Evicted", message="The node was low on memory."), "it was evicted: The node was low on memory."),
        (pod(conditions=[DISRUPTED], state={"exitCode": 143}), "(EvictionByEvictionAPI): node drained"),
        (pod(state={"exitCode": 1, "reason": "Error"}), "exit code 1"),
        (pod(state={"exitCode": 137, "reason": "Error"}), "ended by signal 9 (exit code 137)"),
        (pod(reason="NodeLost", message="The node is gone."), "NodeLost: The node is gone."),
    ],
)
def test_a_pod_that_failed_says_why(given, told):
    assert told in why_ended(given)


@pytest.mark.parametrize("phase", ["Pending", "Running", "Succeeded"])
def test_a_pod_that_has_not_failed_has_no_reason(phase):
    assert why_ended(pod(phase=phase, state={"exitCode": 0})) == ""


FULL = "[Errno 28] No space left on device: 'step.safetensors'"


def job(*volumes):
    return {"spec": {"template": {"spec": {"volumes": list(volumes)}}}}


def test_a_full_volume_has_the_claims_name_and_the_charts_value():
    claim = {"name": "home", "persistentVolumeClaim": {"claimName": "spanloop-training"}}
    told = explained(FULL, job({"name": "tmp", "emptyDir": {}}, claim))
    assert told.startswith(FULL)
    assert "spanloop-training" in told
    assert "training.persistence.size" in told


def test_a_full_disk_without_a_claim_is_the_nodes():
    assert "training.persistence.enabled" in explained(FULL, job({"name": "home", "emptyDir": {}}))


def test_any_other_message_stays_as_it_is():
    assert explained("Too few tasks.", job()) == "Too few tasks."
