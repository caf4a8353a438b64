"""Training runs as Jobs on a real API server, with pods that say what a run would."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml

from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.launcher import JobLauncher
from service.backend.cluster.leader import LEASE_SECONDS, Leader
from service.backend.cluster.projects import ClusterProjects
from service.backend.cluster.promotion import Promotion
from service.backend.cluster.rollout import is_ready
from service.backend.cluster.settings import ClusterSettings
from service.backend.protocols import Busy
from service.runs.run import Run
from tests.support.rollouts import TickedRollout, job_runs

from .conftest import IMAGE, RELEASE, kubectl

RUN = Run(id="run-0123456789", projects=(1,), why="Start Training", fingerprint="f", annotations=40)
REFERENCE = "registry.example.com/spanloop:v1@sha256:" + "1" * 64


ANY = SimpleNamespace(check=lambda run, job: None)
"""An origin that lets all versions serve: there is no registry here."""


def template(words="", status=0, **pod):
    """A Job whose pod leaves these last words."""
    labels = {"app.kubernetes.io/component": "training", "spanloop.dev/release": RELEASE}
    container = {
        "name": "training",
        "image": IMAGE,
        "command": ["sh", "-c", f'printf %s "$WORDS" > /dev/termination-log; exit {status}'],
        "env": [{"name": "WORDS", "value": words}],
        "args": ["run"],
        "resources": pod.pop("resources", {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": labels},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Never", "containers": [container], **pod},
            },
        },
    }


@pytest.fixture
def runs(cluster):
    return job_runs(cluster, keep=2)


@pytest.fixture
def launcher(cluster, runs, tmp_path):
    def make(job):
        path = tmp_path / "job.yaml"
        path.write_text(yaml.safe_dump(job), encoding="utf-8")
        return JobLauncher(cluster, runs, ClusterSettings(job_template=path, registry="registry.example.com/spanloop"))

    return make


def told(outcome, **facts):
    return RUN.model_copy(update={"outcome": outcome, "message": "It is over.", **facts}).model_dump_json()


def wanted(champion):
    """What a run says last whose version is better than the champion."""
    facts = {"phase": "rollout", "rollout": "wanted", "version": "v1", "reference": REFERENCE}
    return told(None, champion=champion, **facts)


def ended(runs, run_id=RUN.id):
    runs.refresh()
    runs.mirror()
    run = runs.get(run_id)
    return run if run and run.ended else None


def test_a_run_is_a_job_and_its_last_words_are_its_outcome(runs, launcher, cluster, until):
    launcher(template(told("held"))).launch(RUN)
    assert runs.active() == RUN.id
    run = until(lambda: ended(runs), 60, "the run's end")
    assert (run.outcome, run.message, run.why) == ("held", "It is over.", "Start Training")
    assert runs.active() is None
    (job,) = cluster.jobs()
    assert job["metadata"]["annotations"]["spanloop.dev/phase"] == "held"


def test_a_backend_that_has_just_started_knows_all_runs_though_their_pods_are_gone(
    runs, launcher, cluster, namespace, until
):
    launcher(template(told("held"))).launch(RUN)
    until(lambda: ended(runs), 60, "the run's end")
    kubectl("delete", "--namespace", namespace, "pods", "--selector", f"spanloop.dev/run={RUN.id}")
    successor = job_runs(cluster, keep=2)
    successor.refresh()
    assert successor.get(RUN.id).outcome == "held"


def test_while_a_run_is_active_no_other_is_started(runs, launcher):
    busy = launcher(template(told("held"), nodeSelector={"no": "such-node"}))
    busy.launch(RUN)
    with pytest.raises(Busy, match=RUN.id):
        busy.launch(RUN.model_copy(update={"id": "run-9876543210"}))


def test_a_run_that_no_node_takes_says_why(runs, launcher, until):
    launcher(template(resources={"limits": {"nvidia.com/gpu": 1}})).launch(RUN)

    def said():
        runs.refresh()
        return "nvidia.com/gpu" in runs.get(RUN.id).waits

    until(said, 60, "the reason")
    assert "no node takes it" in runs.get(RUN.id).waits


def test_a_run_whose_image_cannot_be_pulled_says_so(runs, launcher, until):
    job = template()
    job["spec"]["template"]["spec"]["containers"][0] |= {"image": "k8s.local/none:1", "imagePullPolicy": "Never"}
    launcher(job).launch(RUN)

    def said():
        runs.refresh()
        return "Image" in runs.get(RUN.id).waits

    until(said, 60, "the reason")


def test_a_run_that_crashed_has_failed_and_its_next_attempt_is_another_job(runs, launcher, cluster, until):
    launcher(template("Traceback: no run at all", status=1)).launch(RUN)
    run = until(lambda: ended(runs), 60, "the run's end")
    assert run.outcome == "failed"
    assert "backoffLimit" in run.message
    launcher(template(told("held"))).launch(RUN)
    until(lambda: runs.get(RUN.id).outcome == "held" or (runs.refresh() or False), 60, "the second attempt's end")
    assert sorted(job["metadata"]["name"] for job in cluster.jobs()) == [
        "loop-run-0123456789-1",
        "loop-run-0123456789-2",
    ]


def test_a_job_created_with_kubectl_is_seen_with_what_it_tells(runs, namespace, until):
    job = template(told("nothing new"))
    job["metadata"]["name"] = "by-hand"
    kubectl("create", "--namespace", namespace, "--filename", "-", given=job)
    run = until(lambda: ended(runs), 60, "the run's end")
    assert run.outcome == "nothing new"


def test_a_click_during_a_run_is_remembered_on_its_job(runs, launcher, cluster):
    launcher(template(nodeSelector={"no": "such-node"})).launch(RUN)
    runs.ask_again(RUN.id)
    successor = job_runs(cluster, keep=2)
    successor.refresh()
    requests = successor.asked_again()
    assert [*requests] == [RUN.id]
    successor.answered(requests)
    successor.refresh()
    assert successor.asked_again() == {}


def test_old_jobs_are_deleted_but_not_the_last_that_succeeded(runs, launcher, cluster, until):
    for number, outcome in enumerate(["held", "failed", "failed", "failed"]):
        run = RUN.model_copy(update={"id": f"run-{number}", "started": RUN.started.replace(year=2020 + number)})
        launcher(template(told(outcome, id=run.id))).launch(run)
        until(lambda run=run: ended(runs, run.id), 60, "the run's end")
    runs.prune()

    def left():
        return sorted(job["metadata"]["labels"]["spanloop.dev/run"] for job in cluster.jobs())

    until(lambda: left() == ["run-0", "run-2", "run-3"], 60, "the deletion")


def test_a_better_version_is_rolled_out_and_the_run_is_promoted(runs, launcher, cluster, until):
    until(lambda: is_ready(cluster.deployment()), 60, "the first pod")
    rollout = TickedRollout(cluster)
    jobs = launcher(template(wanted(champion="")))
    promotion = Promotion(runs, rollout.deployment, rollout, jobs, ANY)
    jobs.launch(RUN)

    def promoted():
        runs.refresh()
        rollout.tick()
        promotion.tick()
        return runs.get(RUN.id).outcome == "promoted"

    until(promoted, 90, "the promotion")
    assert rollout.version == "v1"
    assert "serves" in runs.get(RUN.id).message


def test_a_version_judged_against_another_champion_is_judged_again(runs, launcher, cluster, until):
    until(lambda: is_ready(cluster.deployment()), 60, "the first pod")
    rollout = TickedRollout(cluster)
    jobs = launcher(template(wanted(champion=REFERENCE.replace("v1", "v0"))))
    jobs.launch(RUN)

    def in_rollout():
        runs.refresh()
        runs.mirror()
        return runs.get(RUN.id).in_rollout

    until(in_rollout, 60, "the run's last words")
    assert runs.active() == RUN.id

    def judged_again():  # once the first Job is complete
        runs.refresh()
        Promotion(runs, rollout.deployment, rollout, jobs, ANY).tick()
        return len(cluster.jobs()) == 2

    until(judged_again, 60, "a second Job")
    runs.mirror()
    (first,) = [job for job in cluster.jobs() if job["metadata"]["name"].endswith("-1")]
    assert first["metadata"]["annotations"]["spanloop.dev/phase"] == "held"
    assert rollout.reference == ""


def test_projects_are_known_to_a_backend_that_has_just_started(cluster, until):
    deployment = ExtractorDeployment(cluster)
    projects = ClusterProjects(deployment)
    projects.see(3)
    projects.configure(5, {"threshold": 0.3})

    def successor_that_knows():
        # A look whose Deployment was changed under it, by its controller here, leaves the writing to the next.
        deployment.look()
        projects.tick()
        successor = ClusterProjects(ExtractorDeployment(cluster))
        return successor if successor.ids else None

    successor = until(successor_that_knows, 30, "a look that wrote the projects")
    assert successor.ids == (3, 5)
    assert successor.get(5).threshold == 0.3


def test_of_two_backends_one_leads_and_the_other_follows_when_it_falls_silent(cluster):
    seconds = [0.0]
    one, two = (Leader(cluster, "loop-backend", name, clock=lambda: seconds[0]) for name in ("one", "two"))
    acts = []
    for leader, name in ((one, "one"), (two, "two")):
        leader.tick()
        leader.only(lambda name=name: acts.append(name))()
    assert acts == ["one"]
    seconds[0] += LEASE_SECONDS + 1
    two.tick()
    two.only(lambda: acts.append("two"))()
    one.tick()
    one.only(lambda: acts.append("one"))()
    assert acts == ["one", "two"]


def test_a_lease_that_is_renewed_is_not_taken(cluster):
    seconds = [0.0]
    one, two = (Leader(cluster, "loop-backend", name, clock=lambda: seconds[0]) for name in ("one", "two"))
    acts = []
    for _ in range(3):
        one.tick()
        two.tick()
        seconds[0] += LEASE_SECONDS - 1
    two.only(lambda: acts.append("two"))()
    assert acts == []


def test_a_backend_that_ends_lets_another_lead_at_once(cluster):
    one, two = (Leader(cluster, "loop-backend", name) for name in ("one", "two"))
    one.tick()
    two.tick()
    assert (one.leads(), two.leads()) == (True, False)
    one.release()
    two.tick()
    assert (one.leads(), two.leads()) == (False, True)


def test_json_of_a_run_survives_kubernetes(cluster, runs, launcher):
    """Annotations hold any text: quotes, line breaks, other scripts."""
    odd = RUN.model_copy(update={"why": 'a "quoted" reason\nof two lines, ぎ 😀'})
    launcher(template(nodeSelector={"no": "such-node"})).launch(odd)
    runs.refresh()
    assert runs.get(RUN.id).why == odd.why
    assert json.loads(cluster.jobs()[0]["metadata"]["annotations"]["spanloop.dev/run"])["why"] == odd.why
