"""The Job of a pre-labelling."""

from __future__ import annotations

import kubernetes_validate
import pytest
import yaml
from chart import NEWEST, OLDEST, ROOT, env_of, pods_of
from network import Peer, allowed
from restricted import violations

BY_HAND = ROOT / "k8s" / "prelabel-job.yaml"
VALUES = ROOT / "k8s" / "dev" / "spanloop-values.yaml"


@pytest.fixture(scope="module")
def by_hand():
    return yaml.safe_load(BY_HAND.read_text())


def test_without_a_project_there_is_nothing_of_it(chart):
    assert not [one for one in chart.render().objects if one["metadata"]["name"].endswith("-prelabel")]


def test_the_cronjob_is_only_a_template_until_it_has_a_schedule(chart):
    assert chart.render(prelabel__project=3).component("CronJob", "prelabel")["spec"]["suspend"] is True
    spec = chart.render("prelabel").component("CronJob", "prelabel")["spec"]
    assert (spec["suspend"], spec["schedule"], spec["timeZone"]) == (False, "0 4 * * *", "Europe/Vienna")


def test_each_worker_has_a_shard_of_its_own(chart):
    job = chart.render("prelabel").component("CronJob", "prelabel")["spec"]["jobTemplate"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 4, 4)
    (container,) = job["template"]["spec"]["containers"]
    assert container["args"] == ["prelabel", "--project", "3", "--shards", "4"]
    env = env_of(container)
    assert env["SPANLOOP_BACKEND_URL"] == "http://spanloop-backend.here.svc:9090"
    assert env["SPANLOOP_PRELABEL_PAUSE"] == "0.5"


def test_its_pods_are_no_runs(chart):
    release = chart.render("prelabel")
    label = "app.kubernetes.io/component"
    job = release.component("CronJob", "prelabel")["spec"]["jobTemplate"]
    assert job["metadata"]["labels"][label] == job["spec"]["template"]["metadata"]["labels"][label] == "prelabel"
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_its_pods_reach_the_backend_and_nobody_reaches_them(chart):
    release = chart.render("prelabel")
    policies = list(release.of("NetworkPolicy").values())
    pods = {
        name: Peer("here", release.component(kind, name)["spec"]["template"]["metadata"]["labels"])
        for kind, name in (("Deployment", "backend"), ("Deployment", "extractor"))
    }
    job = release.component("CronJob", "prelabel")["spec"]["jobTemplate"]["spec"]["template"]
    worker = Peer("here", job["metadata"]["labels"])
    assert allowed(policies, worker, pods["backend"], 9090)
    assert not allowed(policies, worker, pods["extractor"], 9091)
    assert not allowed(policies, pods["backend"], worker, 9090)


def test_the_job_by_hand_is_the_charts(chart, by_hand):
    release = chart.render(
        name="spanloop", namespace="spanloop", kube=OLDEST, file=VALUES, prelabel__project=1, prelabel__workers=4
    )
    job = release.component("CronJob", "prelabel")["spec"]["jobTemplate"]
    assert by_hand["metadata"]["labels"] == job["metadata"]["labels"]
    assert by_hand["metadata"]["generateName"] == "spanloop-prelabel-"
    assert by_hand["spec"] == job["spec"]


@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
def test_the_job_by_hand_is_valid_and_restricted(by_hand, kube):
    kubernetes_validate.validate(by_hand, kube, strict=True)
    assert not [violation for pod in pods_of([by_hand]) for violation in violations(pod.spec)]
