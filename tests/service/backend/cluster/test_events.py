"""The Events of a release: one for each thing that happened, and none that breaks anything."""

from __future__ import annotations

import pytest

from service.backend.cluster.api import Cluster
from service.backend.cluster.events import NOTE_MAX, Events
from service.backend.cluster.run_jobs import manifest
from service.runs.run import Run
from tests.support.clock import Clock
from tests.support.rollouts import TickedRollout, job_runs

GOOD = "registry.example.com/spanloop:v1@sha256:" + "1" * 64
BROKEN = "registry.example.com/spanloop:v2-broken@sha256:" + "2" * 64
RUN = Run(id="run-1", projects=(1,), phase="tune", percent=40)
TEMPLATE = {
    "metadata": {"labels": {"app.kubernetes.io/component": "training", "spanloop.dev/release": "loop"}},
    "spec": {"template": {"spec": {"containers": [{"name": "training", "args": ["run"]}]}}},
}


@pytest.fixture
def cluster(on_cluster):
    return Cluster(on_cluster())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rollout(cluster, clock):
    return TickedRollout(cluster, clock=clock)


def told(api):
    """Kind of object, reason and type of each Event."""
    found = [event for (kind, _), event in api.objects.items() if kind == "events"]
    return [(event["regarding"]["kind"], event["reason"], event["type"]) for event in found]


def test_a_version_that_is_promoted_is_one_event_however_often_it_is_looked_at(rollout, api):
    rollout.promote("", GOOD, "Promoted by run-1.")
    for _ in range(5):
        rollout.tick()
    assert told(api) == [("Deployment", "VersionPromoted", "Normal")]
    (event,) = [event for (kind, _), event in api.objects.items() if kind == "events"]
    assert event["note"] == "Version v1 answers. Promoted by run-1."


def test_a_version_that_is_taken_back_is_an_event_of_its_own(rollout, api, clock):
    rollout.promote("", BROKEN, "better")
    rollout.tick()
    clock.seconds = 61
    for _ in range(3):
        rollout.tick()
    assert told(api) == [("Deployment", "VersionTakenBack", "Warning")]


def test_a_version_that_is_promoted_again_is_told_again(rollout, api):
    for expected, wanted in (("", GOOD), (GOOD, BROKEN.replace("-broken", "")), (BROKEN.replace("-broken", ""), GOOD)):
        rollout.promote(expected, wanted, "better")
        for _ in range(3):
            rollout.tick()
    assert len(told(api)) == 3


def killed(name):
    """The pod of a Job, which used more memory than its limit."""
    container = {"name": "training", "resources": {"limits": {"memory": "4Gi"}}}
    ended = {"name": "training", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
    labels = {"job-name": name, "app.kubernetes.io/component": "training"}
    return {
        "metadata": {"name": f"{name}-x7k2p", "labels": labels},
        "spec": {"containers": [container]},
        "status": {"phase": "Failed", "containerStatuses": [ended]},
    }


@pytest.fixture
def job(api):
    return api.put("jobs", manifest(TEMPLATE, "loop", RUN))


def look(runs):
    runs.refresh()
    runs.mirror()


def test_why_a_pod_ended_is_on_the_page_the_job_in_the_log_and_an_event(cluster, api, job, service_log):
    api.put("pods", killed(job["metadata"]["name"]))
    runs = job_runs(cluster, keep=5)
    for _ in range(3):
        look(runs)
    run, annotations = runs.get("run-1"), job["metadata"]["annotations"]
    assert "training.resources.limits.memory allows (4Gi)" in run.pod_ended
    assert "OOMKilled" in run.waits
    assert "OOMKilled" in annotations["spanloop.dev/waits"]
    assert "OOMKilled" in annotations["spanloop.dev/run"]
    assert len([line for line in service_log if "OOMKilled" in line]) == 1
    assert told(api) == [("Job", "PodEnded", "Warning")]


def test_why_the_last_pod_ended_stays_when_the_pod_is_gone_and_in_the_end_of_its_run(cluster, api, job, service_log):
    api.put("pods", killed(job["metadata"]["name"]))
    look(job_runs(cluster, keep=5))
    del api.objects["pods", f"{job['metadata']['name']}-x7k2p"]
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    for _ in range(2):  # the second is another backend, or this one after a restart
        runs = job_runs(cluster, keep=5)
        look(runs)
        assert runs.get("run-1").outcome == "failed"
        assert "backoffLimit" in runs.get("run-1").message
        assert "OOMKilled" in runs.get("run-1").message
    assert told(api) == [("Job", "PodEnded", "Warning"), ("Job", "RunFailed", "Warning")]
    assert len([line for line in service_log if "run run-1: failed" in line]) == 1


def test_a_run_that_is_held_is_an_event_on_its_job(cluster, api, job):
    runs = job_runs(cluster, keep=5)
    look(runs)
    runs.save(RUN.model_copy(update={"outcome": "held", "message": "Not better."}))
    look(runs)
    assert told(api) == [("Job", "RunHeld", "Normal")]


def test_a_run_that_is_cancelled_is_an_event_on_its_job(cluster, api, job):
    runs = job_runs(cluster, keep=5)
    look(runs)
    runs.cancel("run-1")
    look(runs)
    assert told(api) == [("Job", "RunCancelled", "Normal")]


def test_what_two_backends_see_is_one_event(cluster, api, job):
    failed = RUN.model_copy(update={"outcome": "failed", "message": "The disk is full."})
    for backend in ("backend-1", "backend-2"):
        Events(cluster, backend).run_ended(job, failed)
    assert told(api) == [("Job", "RunFailed", "Warning")]


def test_a_long_message_is_cut_to_what_an_event_holds(cluster, api, job):
    Events(cluster, "b" * 300).run_ended(job, RUN.model_copy(update={"outcome": "failed", "message": "x" * 5000}))
    (event,) = [event for (kind, _), event in api.objects.items() if kind == "events"]
    assert len(event["note"]) == NOTE_MAX
    assert len(event["reportingInstance"]) <= 128


def test_an_event_that_cannot_be_written_breaks_no_rollout_and_no_run(cluster, api, clock, job, monkeypatch, caplog):
    answer = api.answer

    def forbidding(method, path, *asked):
        return (403, {}) if path.endswith("/events") else answer(method, path, *asked)

    monkeypatch.setattr(api, "answer", forbidding)
    rollout, runs = TickedRollout(cluster, clock=clock), job_runs(cluster, keep=5)
    rollout.promote("", GOOD, "better")
    for _ in range(2):
        rollout.tick()
    assert rollout.version == "v1"
    look(runs)
    runs.save(RUN.model_copy(update={"outcome": "held", "message": "Not better."}))
    assert job_runs(cluster, keep=5).get("run-1") is None
    look(again := job_runs(cluster, keep=5))
    assert again.get("run-1").outcome == "held"
    assert "was not written" in caplog.text
