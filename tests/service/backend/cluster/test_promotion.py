"""Runs in rollout on a small API server: from the last words of their pods until they are promoted or held."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from service.backend.app import build
from service.backend.census import Census
from service.backend.cluster import compose, job_run, runs
from service.backend.cluster.api import Cluster
from service.backend.cluster.launcher import JobLauncher
from service.backend.cluster.origin import Refused
from service.backend.cluster.projects import ClusterProjects
from service.backend.cluster.promotion import Promotion
from service.backend.cluster.run_jobs import manifest
from service.backend.retraining import RETRY_SECONDS, Retraining
from service.labelstudio.client import LabelStudio
from service.runs.curve import CurvePoint, LearningCurve
from service.runs.run import Run
from tests.support.asking import scrape
from tests.support.clock import Clock
from tests.support.rollouts import TickedRollout, job_runs
from tests.support.servers import free_port
from tests.support.studio import KEY, StudioProject
from training import watch

RUN = Run(id="run-1", projects=(3,), why="Start Training", fingerprint="f", annotations=30)
TEMPLATE = {
    "metadata": {"labels": {"app.kubernetes.io/component": "training", "spanloop.dev/release": "loop"}},
    "spec": {"template": {"spec": {"containers": [{"name": "training", "args": ["run"]}]}}},
}
V1, V2, BROKEN = (f"registry.example.com/spanloop:{name}@sha256:{'1' * 64}" for name in ("v1", "v2", "v3-broken"))
WANTED = {"phase": "rollout", "rollout": "wanted", "percent": 98, "message": "F1: 0.5 → 0.6.", "version": "v1"}


class AnyOrigin:
    """Lets all versions serve but those that are refused for a reason."""

    def __init__(self):
        self.asked, self.refusal = [], ""

    def check(self, run, job):
        self.asked.append((run.reference, job["metadata"]["name"]))
        if self.refusal:
            raise Refused(self.refusal)


class Release:
    """The parts of a backend that look after runs and their rollouts, with a clock that is set by hand."""

    def __init__(self, api, settings):
        self.api, self.settings, self.clock = api, settings, Clock()
        self.origin = AnyOrigin()
        self.restart()

    def restart(self):
        """As after a restart of the backend: it knows what is written on the objects, no more."""
        cluster = Cluster(self.settings)
        self.runs = job_runs(cluster, keep=1)
        self.rollout = TickedRollout(cluster, clock=self.clock)
        self.projects = ClusterProjects(self.rollout.deployment)
        self.projects.see(3)
        self.launcher = JobLauncher(cluster, self.runs, self.settings)
        self.promotion = Promotion(self.runs, self.rollout.deployment, self.rollout, self.launcher, self.origin)
        studio = LabelStudio(self.settings)
        census = Census(self.projects, studio)
        self.retraining = Retraining(self.settings, self.projects, self.runs, self.launcher, studio, census, self.clock)

    def tick(self, seconds=0.0):
        """What the leading backend does again and again."""
        self.clock.seconds += seconds
        self.rollout.tick()
        self.runs.refresh()
        self.runs.mirror()
        self.runs.make_way()
        self.promotion.tick()
        self.retraining.look_after()

    def end(self, name, kind="Complete", **told):
        """The pod of a Job leaves its last words, and the Job is over."""
        job = self.api.objects["jobs", name]
        job["status"] = {"conditions": [{"type": kind, "status": "True"}]}
        words = Run(id=job["metadata"]["labels"]["spanloop.dev/run"], projects=(3,), **told)
        ended = {"terminated": {"message": words.model_dump_json(exclude_defaults=True)}}
        status = {"phase": "Succeeded", "containerStatuses": [{"state": ended}]}
        self.api.put("pods", {"metadata": {"name": "pod", "labels": {"job-name": name}}, "status": status})

    def lose_pods(self):
        for kind, name in [*self.api.objects]:
            if kind == "pods":
                del self.api.objects[kind, name]

    def phase(self, name):
        return self.api.objects["jobs", name]["metadata"]["annotations"]["spanloop.dev/phase"]

    @property
    def run(self):
        return self.runs.get("run-1")

    @property
    def jobs(self):
        return [name for kind, name in self.api.objects if kind == "jobs"]


@pytest.fixture
def with_studio(on_cluster, studio, tmp_path):
    """Settings of a backend with a Job template and a Label Studio."""
    studio.projects[3] = StudioProject(annotations=30)
    template = tmp_path / "job.yaml"
    template.write_text(json.dumps(TEMPLATE), encoding="utf-8")
    asked = {"label_studio_url": studio.url, "label_studio_api_key": KEY, "job_template": template}
    return on_cluster(registry="registry.example.com/spanloop", **asked)


@pytest.fixture
def release(api, with_studio):
    """A release whose run's Job has been made."""
    one = Release(api, with_studio)
    one.launcher.launch(RUN)
    return one


def test_a_version_that_is_refused_is_not_rolled_out_and_its_run_says_why(release, caplog):
    release.origin.refusal = "it has no verdict."
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.tick()
    assert release.rollout.target == ""
    assert release.run.outcome == "failed"
    assert release.run.message == "Version v1 was refused, and the live version stays: it has no verdict."
    assert "version v1 of run run-1 may not serve: it has no verdict." in caplog.text
    assert release.origin.asked == [(V1, "loop-run-1-1")]


def test_a_run_that_names_the_version_of_another_does_not_keep_that_one_from_serving(release):
    release.origin.refusal = "it is version v1 of run run-1, and run run-0 says that it is v1."
    other = RUN.model_copy(update={"id": "run-0", "attempt": 1})
    release.api.put("jobs", manifest(TEMPLATE, "loop", other))
    release.end("loop-run-0-1", **WANTED, reference=V1)
    release.tick()
    release.lose_pods()
    release.origin.refusal = ""
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.tick()
    assert release.runs.get("run-0").outcome == "failed"
    assert release.rollout.target == V1


def test_a_refused_version_whose_pod_still_runs_is_not_asked_for_again_and_again(release):
    release.origin.refusal = "it has no verdict."
    release.end("loop-run-1-1", **WANTED, reference=V1)
    del release.api.objects["jobs", "loop-run-1-1"]["status"]
    release.tick()
    release.tick()
    assert release.run.outcome is None
    assert len(release.origin.asked) == 1
    assert release.rollout.target == ""


def test_a_run_stays_in_rollout_until_its_version_serves(release):
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.tick()
    assert (release.run.outcome, release.run.phase, release.phase("loop-run-1-1")) == (None, "rollout", "rollout")
    assert release.rollout.target == V1
    before = release.run.updated
    release.tick()
    run = release.run
    assert (run.outcome, run.phase, run.percent, release.phase("loop-run-1-1")) == ("promoted", "done", 100, "promoted")
    assert run.message == "Version v1 serves. F1: 0.5 → 0.6."
    assert run.updated > before, "it ended when its version served, not when its pod ended"


def test_a_run_whose_version_is_taken_back_is_held_with_the_reason(release):
    release.end("loop-run-1-1", **WANTED, reference=BROKEN)
    release.tick()
    release.tick(seconds=30)
    assert release.phase("loop-run-1-1") == "rollout"
    release.tick(seconds=61)
    assert (release.run.outcome, release.phase("loop-run-1-1")) == ("held", "held")
    assert "not ready in 60 s" in release.run.message


def test_a_run_whose_version_was_given_up_before_the_begin_was_noted_is_held(release):
    """The backend that began the rollout was killed, and another one has taken the version back."""
    release.end("loop-run-1-1", **WANTED, reference=BROKEN)
    release.rollout.promote("", BROKEN, "better")
    release.rollout.tick()
    release.clock.seconds += 61
    release.rollout.tick()
    release.restart()
    release.tick()
    assert release.run.outcome == "held"
    assert "not ready in 60 s" in release.run.message


@pytest.mark.parametrize("noted", [True, False])
def test_a_backend_that_is_restarted_during_a_rollout_carries_on(release, noted):
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.runs.refresh()
    release.runs.mirror()
    if noted:
        release.promotion.tick()
    else:
        release.rollout.promote("", V1, "better")
    release.lose_pods()
    release.restart()
    release.tick()
    release.tick()
    assert (release.run.outcome, release.run.version) == ("promoted", "v1")
    assert release.jobs == ["loop-run-1-1"]


def test_a_backend_that_takes_over_holds_no_version_that_has_been_rolled_out_since_its_last_look(release):
    release.end("loop-run-1-1", **WANTED, reference=V1)
    successor = Release(release.api, release.settings)
    successor.rollout.tick()
    release.tick()  # begins the rollout, and notes that; then the other one leads
    successor.runs.refresh()
    successor.promotion.tick()
    successor.tick()
    assert (successor.run.outcome, successor.rollout.reference) == ("promoted", V1)


def test_a_rollout_waits_while_another_version_is_rolled_out(release):
    release.rollout.promote("", BROKEN, "by hand")
    release.end("loop-run-1-1", **WANTED, reference=V1)
    for _ in range(3):
        release.tick()
    assert (release.run.outcome, release.run.phase) == (None, "rollout")
    assert release.rollout.target == BROKEN
    release.lose_pods()
    release.restart()
    release.tick()
    release.tick(seconds=61)  # the other one is taken back
    release.tick()
    release.tick()
    assert (release.run.outcome, release.rollout.reference) == ("promoted", V1)


def test_a_version_judged_against_another_champion_is_judged_again_by_a_second_job(release):
    release.rollout.promote("", V2, "by hand")
    release.rollout.tick()
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.runs.refresh()
    release.runs.mirror()
    release.lose_pods()
    for _ in range(3):
        release.tick()
    assert release.jobs == ["loop-run-1-1", "loop-run-1-2"]
    assert release.rollout.reference == V2
    assert (release.run.attempt, release.run.outcome, release.runs.active()) == (2, None, "run-1")
    assert release.phase("loop-run-1-1") == "held", "the attempt is over, and another one goes on"
    release.end("loop-run-1-2", **WANTED, reference=V1, champion=V2)
    release.tick()
    release.tick()
    assert (release.run.outcome, release.rollout.reference) == ("promoted", V1)
    assert release.runs.active() is None


def test_a_version_is_judged_again_once_no_other_run_is_at_work(release):
    release.rollout.promote("", V2, "by hand")
    release.rollout.tick()
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.runs.refresh()
    release.runs.mirror()
    release.lose_pods()
    by_hand = RUN.model_copy(update={"id": "by-hand"})
    release.api.put("jobs", manifest(TEMPLATE, "loop", by_hand))
    for _ in range(3):
        release.tick()
    assert len(release.jobs) == 2
    release.end("loop-by-hand-1", outcome="held")
    release.tick()
    assert release.jobs == ["loop-run-1-1", "loop-by-hand-1", "loop-run-1-2"]


def test_a_job_that_is_complete_and_whose_run_is_in_rollout_has_not_failed(release):
    release.rollout.promote("", BROKEN, "by hand")  # so that the run waits
    release.runs.save(release.run.model_copy(update={"phase": "rollout", "percent": 98, "waits": ""}))
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.tick()
    release.lose_pods()
    for _ in range(2):
        release.restart()
        release.tick()
        assert (release.run.outcome, release.run.phase, release.run.waits) == (None, "rollout", "")


def test_a_job_that_is_complete_without_any_words_has_failed(release):
    release.api.objects["jobs", "loop-run-1-1"]["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    release.tick()
    assert release.run.outcome == "failed"
    assert "outcome was not seen" in release.run.message


def test_no_other_run_starts_during_a_rollout_and_a_click_starts_one_after_it(release, studio):
    release.end("loop-run-1-1", **WANTED, reference=BROKEN)
    release.tick()
    answer = release.retraining.start("Start Training")
    assert (answer.run.id, answer.kind) == ("run-1", "remembered")
    for _ in range(3):
        release.tick()
    assert release.jobs == ["loop-run-1-1"]
    release.tick(seconds=61)
    release.tick()
    assert release.run.outcome == "held"
    assert len(release.jobs) == 2
    release.tick()
    assert len(release.jobs) == 2


def test_a_remembered_click_waits_for_label_studio_and_for_the_api_server(release, studio, grown):
    release.api.objects["jobs", "loop-run-1-1"]["metadata"]["annotations"]["spanloop.dev/follow-up"] = "wanted"
    release.end("loop-run-1-1", outcome="held")
    studio.broken = 502
    for _ in range(5):
        release.tick()
    release.restart()  # the click outlives the backend that heard it
    release.tick()
    studio.broken, release.api.broken = 0, 500
    release.clock.seconds += RETRY_SECONDS
    for _ in range(5):
        release.retraining.look_after()
    release.api.broken = 0
    assert release.jobs == ["loop-run-1-1"]
    assert [*release.runs.asked_again()] == ["run-1"]
    release.tick(seconds=RETRY_SECONDS)
    assert len(release.jobs) == 2
    assert release.runs.asked_again() == {}
    assert grown("spanloop_errors_total", cause="label_studio_unreachable") == 2
    assert grown("spanloop_errors_total", cause="cluster_api") == 1


def test_a_job_that_remembers_a_click_is_not_deleted(release):
    release.api.objects["jobs", "loop-run-1-1"]["metadata"]["annotations"]["spanloop.dev/follow-up"] = "wanted"
    release.end("loop-run-1-1", outcome="failed")
    for number, year in ((2, 2101), (3, 2100)):
        later = {"id": f"run-{number}", "started": RUN.started.replace(year=year), "outcome": "held"}
        release.api.put("jobs", manifest(TEMPLATE, "loop", RUN.model_copy(update=later)))
    release.runs.refresh()
    release.runs.prune()
    assert release.jobs == ["loop-run-1-1", "loop-run-2-1"]


def test_a_run_in_rollout_is_shown_as_one_that_has_not_ended(api, with_studio, until, monkeypatch):
    monkeypatch.setattr(compose, "RENEW_SECONDS", 0.05)
    begun = RUN.model_copy(update={**WANTED, "rollout": "begun", "reference": BROKEN, "detail": "pods start"})
    api.put("jobs", manifest(TEMPLATE, "loop", begun))
    TickedRollout(Cluster(with_studio)).promote("", BROKEN, "better")
    with TestClient(build(with_studio, compose.supervisor)) as client:
        until(lambda: scrape(client).of("spanloop_runs"), what="a backend that leads")
        found = {place: value for place, value in scrape(client).of("spanloop_runs").items() if value}
        job = client.post("/job_status", json={}).json()
        page = client.get("/?fragment").text
        assert scrape(client).of("spanloop_run_active_since_timestamp_seconds")
    assert found == {("", "rollout"): 1}
    assert (job["outcome"], job["job_status"], job["phase"], job["finished_at"]) == (None, "started", "rollout", None)
    assert "Going live" in page
    assert "pods start" in page


# A learning curve that the run's pod measures meanwhile


@pytest.fixture
def pod(release, monkeypatch):
    """The run's pod while it measures: what it reports may be changed, and it keeps what it is asked."""
    port = free_port(0)
    for module in (job_run, runs):
        monkeypatch.setattr(module, "PROGRESS_PORT", port)
    one = SimpleNamespace(asked=[], report=None)

    def report(**facts):
        one.report = Run(id="run-1", projects=(3,), **{**WANTED, "phase": "curve", "reference": V1, **facts})

    one.reports = report
    report(percent=99, detail="learning from 25% of the tasks")
    labels = {"job-name": "loop-run-1-1"}
    status = {"phase": "Running", "podIP": "127.0.0.1"}
    release.api.put("pods", {"metadata": {"name": "pod", "labels": labels}, "status": status})
    with watch.answering(port, lambda: one.report, lambda: one.asked.append("end")):
        yield one


CURVE = LearningCurve(
    points=(CurvePoint(tasks=0, f1=0.4), CurvePoint(tasks=100, f1=0.6)), message="50 more tasks would bring +0.01."
)


def test_a_version_is_rolled_out_while_its_runs_pod_measures_the_curve_which_the_run_shows_then(release, pod):
    release.tick()
    assert (release.rollout.target, release.run.rollout, release.phase("loop-run-1-1")) == (V1, "begun", "rollout")
    release.tick()
    assert release.rollout.reference == V1, "it serves before the curve is measured"
    release.tick()
    run = release.run
    assert (run.phase, run.outcome, run.detail) == ("curve", None, "learning from 25% of the tasks")
    assert release.runs.active() == "run-1"
    pod.reports(detail="learning from 50% of the tasks", seconds_left=60)
    release.restart()  # another backend reads on
    release.tick()
    assert (release.run.detail, release.run.seconds_left) == ("learning from 50% of the tasks", 60)
    release.end("loop-run-1-1", **WANTED, reference=V1, curve=CURVE)
    release.tick()
    assert (release.run.outcome, release.run.curve, release.runs.active()) == ("promoted", CURVE, None)
    assert release.run.message == "Version v1 serves. F1: 0.5 → 0.6. 50 more tasks would bring +0.01."
    assert pod.asked == []
    release.lose_pods()
    release.restart()
    release.tick()
    assert release.run.curve == CURVE


def test_a_pod_that_is_killed_while_it_measures_changes_nothing_of_the_rollout(release, pod):
    for _ in range(3):
        release.tick()
    pod.reports(phase="judge", rollout="", percent=90)  # another pod goes through the run again
    release.tick()
    assert (release.run.phase, release.run.rollout, release.run.outcome) == ("curve", "begun", None)
    assert "phase judge" in release.run.detail
    pod.reports(phase="done", rollout="", outcome="held", message="not better than itself")
    release.tick()
    assert release.rollout.reference == V1
    release.end("loop-run-1-1", kind="Failed", phase="curve", outcome="failed", message="out of memory")
    release.tick()
    assert (release.run.outcome, release.run.curve) == ("promoted", None)
    assert "was not measured: the run's pod ended before that" in release.run.message


def test_a_click_while_a_curve_is_measured_ends_the_measuring_and_starts_the_next_run(release, pod):
    for _ in range(3):
        release.tick()
    release.retraining._launcher.conditions = lambda: "other annotations"
    assert release.retraining.start("Start Training").kind == "remembered"
    release.tick()
    assert pod.asked
    assert release.jobs == ["loop-run-1-1"], "one run at a time"
    release.end("loop-run-1-1", **WANTED, reference=V1, curve=CURVE)
    release.tick()
    assert (release.run.outcome, len(release.jobs)) == ("promoted", 2)


def test_a_rollout_whose_pods_no_node_takes_gets_the_place_of_the_pod_that_measures(release, pod):
    pod.reports(reference=BROKEN)
    for _ in range(2):
        release.tick()
    assert pod.asked == []
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "Insufficient nvidia.com/gpu."}
    labels = release.rollout.deployment.seen["spec"]["selector"]["matchLabels"]
    status = {"phase": "Pending", "conditions": [unscheduled]}
    release.api.put("pods", {"metadata": {"name": "extractor-1", "labels": labels}, "status": status})
    release.tick()
    assert pod.asked


def test_a_rollout_whose_pods_do_not_start_gets_the_place_of_the_pod_that_measures(release, pod):
    pod.reports(reference=BROKEN)
    for _ in range(2):
        release.tick()
    release.tick(seconds=14)
    assert pod.asked == []
    release.tick(seconds=2)
    assert pod.asked


def test_a_version_is_judged_again_once_the_pod_that_measures_has_made_way(release, pod):
    release.rollout.promote("", V2, "by hand")
    release.rollout.tick()
    for _ in range(3):
        release.tick()
    assert pod.asked
    assert release.jobs == ["loop-run-1-1"]
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.tick()
    assert release.jobs == ["loop-run-1-1", "loop-run-1-2"]


def test_a_run_without_a_curve_says_nothing_of_one(release, pod):
    pod.reports(phase="rollout")
    for _ in range(3):
        release.tick()
    assert (release.run.outcome, release.run.phase) == (None, "rollout"), "its pod ends in a moment"
    release.end("loop-run-1-1", **WANTED, reference=V1)
    release.tick()
    assert release.run.message == "Version v1 serves. F1: 0.5 → 0.6."


# What releases before this one have noted


OLD = """{"id":"run-1","projects":[3],"why":"Start Training","fingerprint":"f","annotations":30,"phase":"done",
"percent":100.0,"detail":%s,"started":"2026-11-29T19:14:47.433073Z","updated":"2026-11-29T19:15:03.130918Z","outcome":"published",
"message":"Version v1 is better and is to be rolled out. F1 on the held-out tasks: 0.794 → 1.000.","version":"v1",
"reference":"%s","champion":""}"""


def old_job(api, detail, reference):
    """The Job of a run as the release before has left it."""
    job = manifest(TEMPLATE, "loop", RUN)
    job["metadata"]["annotations"] |= {
        "spanloop.dev/run": OLD % (json.dumps(detail), reference),
        "spanloop.dev/phase": "published",
        "spanloop.dev/percent": "100",
    }
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    api.put("jobs", job)


def test_a_run_that_was_noted_as_published_is_rolled_out(api, with_studio):
    old_job(api, "", V1)
    release = Release(api, with_studio)
    release.runs.refresh()
    assert (release.run.outcome, release.run.phase, release.run.rollout) == (None, "rollout", "wanted")
    release.tick()
    assert release.phase("loop-run-1-1") == "rollout"
    release.tick()
    assert (release.run.outcome, release.rollout.reference) == ("promoted", V1)


def test_a_run_that_was_noted_as_published_and_rolling_out_is_held_where_that_is_over(api, with_studio):
    old_job(api, "rolling out", V1)
    release = Release(api, with_studio)
    release.runs.refresh()
    assert (release.run.outcome, release.run.phase, release.run.rollout) == (None, "rollout", "begun")
    release.rollout.promote("", V2, "Set by hand.")
    release.tick()
    assert release.run.outcome == "held"
    assert "Set by hand." in release.run.message


def test_a_pod_of_the_release_before_says_published_and_its_version_is_rolled_out(release):
    job = release.api.objects["jobs", "loop-run-1-1"]
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    ended = {"terminated": {"message": OLD % ('""', V1)}}
    status = {"phase": "Succeeded", "containerStatuses": [{"state": ended}]}
    release.api.put("pods", {"metadata": {"name": "pod"}, "status": status})
    release.tick()
    assert release.phase("loop-run-1-1") == "rollout"
    release.tick()
    assert release.run.outcome == "promoted"
