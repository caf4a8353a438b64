"""The runs of a release as its Jobs and their pods report them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.backend.cluster.run_jobs import manifest, noted
from service.backend.protocols import Uncancellable
from service.runs.run import Run
from tests.support.rollouts import job_runs

LAUNCHED = Run(id="run-1", projects=(1,), why="Start Training", fingerprint="f", annotations=300)
TEMPLATE = {"spec": {"template": {"spec": {"containers": [{"name": "training", "args": ["run"]}]}}}}


class Jobs:
    """A cluster that holds Jobs, and what the last pod of each has said."""

    def __init__(self):
        self.held, self.words, self.pods, self.ended, self.events = {}, {}, {}, [], []
        self.annotations = {}

    def add(self, name, run=None, words=None, created="2026-11-01T00:00:00Z"):
        job = manifest(TEMPLATE, "loop", run or LAUNCHED)
        job["metadata"] |= {"name": name, "creationTimestamp": created}
        if run is None:
            job["metadata"]["annotations"] = {}
        self.held[name] = job
        if words:
            self.words[name] = words.model_dump_json()

    namespace = "here"

    def deployment(self):
        return {"metadata": {"name": "extractor", "resourceVersion": "1", "annotations": self.annotations}}

    def patch_deployment(self, body, resource_version):
        self.annotations |= body["metadata"]["annotations"]
        return self.deployment()

    def create_event(self, event):
        self.events.append(event)

    def jobs(self):
        return list(self.held.values())

    def pods_of(self, name):
        if name in self.pods:
            return self.pods[name]
        ended = {"terminated": {"message": self.words.get(name, "")}}
        return [
            {"metadata": {"name": "pod"}, "status": {"phase": "Succeeded", "containerStatuses": [{"state": ended}]}}
        ]

    def annotate_job(self, name, notes):
        self.held[name]["metadata"]["annotations"] |= notes

    def delete_job(self, name):
        del self.held[name]

    def end_job(self, name, notes):
        self.annotate_job(name, notes)
        self.ended.append(name)


@pytest.fixture
def cluster():
    return Jobs()


@pytest.fixture
def runs(cluster):
    def look():
        known = job_runs(cluster, keep=5)
        known.refresh()
        known.mirror()
        return known

    return look


def told(**facts):
    """What a pod says: it knows its id and its projects, and nothing of why it was started."""
    return Run(id="run-1", projects=(1,), **facts)


def test_on_how_much_a_run_was_started_is_known_after_its_pod_has_spoken(cluster, runs):
    cluster.add("job", LAUNCHED, told(outcome="held"))
    for known in (runs(), runs()):  # from the pod, and from what was mirrored onto the Job
        run = known.get("run-1")
        assert (run.outcome, run.annotations, run.fingerprint, run.why) == ("held", 300, "f", "Start Training")


def test_of_two_jobs_of_a_run_the_later_one_counts_regardless_of_names(cluster, runs):
    cluster.add(
        "a-night-2", words=told(phase="rollout", rollout="wanted", version="v2"), created="2026-11-02T00:00:00Z"
    )
    cluster.add("b-night-1", words=told(outcome="failed"), created="2026-11-01T00:00:00Z")
    known = runs()
    run = known.get("run-1")
    assert (run.in_rollout, run.version) == (True, "v2")
    known.save(run.model_copy(update={"outcome": "promoted"}))
    assert runs().get("run-1").outcome == "promoted"


def test_a_cancelled_run_ends_with_its_job_whatever_its_pod_says_after_that(cluster, runs):
    cluster.add("job", LAUNCHED, told(phase="tune", percent=50))
    runs().cancel("run-1")
    assert cluster.ended == ["job"]
    cluster.words["job"] = told(phase="publish", detail="stopped in phase publish").model_dump_json()
    known = runs()
    run = known.get("run-1")
    assert (run.outcome, known.active()) == ("cancelled", None)
    assert "live version is untouched" in run.message
    with pytest.raises(Uncancellable, match="ended already"):
        known.cancel("run-1")


def test_a_run_that_is_cancelled_while_it_publishes_ends_and_its_version_is_not_rolled_out(cluster, runs):
    cluster.add("job", LAUNCHED, told(phase="publish", percent=97))
    runs().cancel("run-1")
    assert cluster.ended == ["job"]
    wanted = told(phase="rollout", rollout="wanted", version="v2", reference="registry.example.com/spanloop:v2")
    cluster.words["job"] = wanted.model_dump_json()
    run = runs().get("run-1")
    assert (run.outcome, run.in_rollout) == ("cancelled", False)


def test_a_backend_that_mirrors_what_it_read_before_takes_no_cancellation_back(cluster, runs):
    cluster.add("job", LAUNCHED, told(phase="tune", percent=50))
    leading = runs()
    cluster.words["job"] = told(phase="tune", percent=60).model_dump_json()
    leading.refresh()
    runs().cancel("run-1")
    leading.mirror()
    assert noted(cluster.held["job"]).outcome is None, "it was overwritten"
    for known in (runs(), runs()):
        assert known.get("run-1").outcome == "cancelled"
    assert noted(cluster.held["job"]).outcome == "cancelled"


def test_a_cancelled_run_that_waits_in_a_queue_leaves_it(cluster, runs):
    cluster.add("job", LAUNCHED)
    cluster.held["job"]["spec"]["suspend"] = True
    known = runs()
    known.cancel("run-1")
    assert cluster.held == {}
    assert known.get("run-1").outcome == "cancelled"


def test_of_a_run_whose_version_is_rolled_out_only_the_curve_is_cancelled(cluster, runs):
    cluster.add("job", LAUNCHED, told(phase="curve", rollout="wanted", version="v2"))
    runs().cancel("run-1")
    assert cluster.ended == []
    assert runs().get("run-1").in_rollout


def test_a_run_whose_pod_waits_again_says_why_and_keeps_its_phase(cluster, runs):
    cluster.add("job", LAUNCHED.model_copy(update={"phase": "tune", "percent": 43}))
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available."}
    cluster.pods["job"] = [{"metadata": {"name": "pod"}, "status": {"phase": "Pending", "conditions": [unscheduled]}}]
    run = runs().get("run-1")
    assert (run.phase, run.percent) == ("tune", 43)
    assert "0/3 nodes" in run.waits
    assert "0/3 nodes" in cluster.held["job"]["metadata"]["annotations"]["spanloop.dev/waits"]


def test_when_a_run_was_started_is_when_its_job_was_made(cluster, runs):
    cluster.add("by-hand", words=told(outcome="held"), created="2026-11-01T06:30:00Z")
    assert runs().get("run-1").started == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
