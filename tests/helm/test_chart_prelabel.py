"""The Job of a pre-labelling."""

from __future__ import annotations

import copy
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from chart import NEWEST, OLDEST, ROOT, env_of, pods_of
from network import Peer, allowed
from restricted import violations

from service.backend.cluster.prelabeller import PROGRESS_PORT
from service.prelabel.program import STATUS

BY_HAND = ROOT / "k8s" / "prelabel-job.yaml"
VALUES = ROOT / "k8s" / "dev" / "spanloop-values.yaml"


def container_of(job):
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return container


@pytest.fixture(scope="module")
def by_hand():
    return yaml.safe_load(BY_HAND.read_text())


def test_without_a_project_there_is_a_template_for_the_backend_and_no_cronjob(chart):
    release = chart.render()
    assert [name for name in release.of("CronJob") if name.endswith("-prelabel")] == []
    job = release.template("prelabel")
    assert "name" not in job["metadata"], "the backend sets the name"
    assert container_of(job)["args"] == ["prelabel", "--shards", "1"], "the backend adds the project"


def test_all_launchers_get_the_same_job(chart):
    release = chart.render("prelabel")
    by_cron, by_backend = release.component("CronJob", "prelabel")["spec"]["jobTemplate"], release.template("prelabel")
    by_cron, by_backend = copy.deepcopy(by_cron), copy.deepcopy(by_backend)
    arguments = [container_of(one).pop("args") for one in (by_cron, by_backend)]
    assert arguments == [["prelabel", "--project", "3", "--shards", "4"], ["prelabel", "--shards", "4"]]
    assert by_cron["spec"] == by_backend["spec"]
    assert by_cron["metadata"]["labels"] == by_backend["metadata"]["labels"]


def test_the_backend_reads_the_template_where_it_is_mounted(chart):
    release = chart.render()
    mounts = {one["mountPath"]: one["name"] for one in release.container("backend")["volumeMounts"]}
    path = Path(release.env("backend")["SPANLOOP_PRELABEL_TEMPLATE"])
    volumes = release.component("Deployment", "backend")["spec"]["template"]["spec"]["volumes"]
    (volume,) = [one for one in volumes if one["name"] == mounts[str(path.parent)]]
    assert path.name in release.of("ConfigMap")[volume["configMap"]["name"]]["data"]


def test_a_worker_answers_where_the_backend_asks(chart):
    container = container_of(chart.render().template("prelabel"))
    env = env_of(container)
    assert env["SPANLOOP_PROGRESS_PORT"] == str(PROGRESS_PORT)
    assert [port["containerPort"] for port in container["ports"]] == [PROGRESS_PORT]
    assert env["SPANLOOP_TERMINATION_LOG"] == "/dev/termination-log"


@pytest.mark.parametrize(("kube", "ignored"), [("1.25", []), ("1.26", [4, 143]), (NEWEST, [4, 143])])
def test_another_version_and_a_drained_node_use_up_no_retry(chart, kube, ignored):
    spec = chart.render(kube=kube).template("prelabel")["spec"]
    rules = spec.get("podFailurePolicy", {}).get("rules", [])
    forgiven = [rule for rule in rules if rule["action"] == "Ignore"]
    assert [code for rule in forgiven for code in rule.get("onExitCodes", {}).get("values", [])] == ignored
    assert [rule["onPodConditions"][0]["type"] for rule in forgiven if "onPodConditions" in rule] == (
        ["DisruptionTarget"] if ignored else []
    )
    assert {STATUS["version changed"], STATUS["stopped"]} == {4, 143}
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_a_job_takes_as_long_as_it_needs_unless_a_value_says_otherwise(chart):
    spec = chart.render().template("prelabel")["spec"]
    assert ("activeDeadlineSeconds" in spec, spec["ttlSecondsAfterFinished"]) == (False, 604800)
    spec = chart.render(prelabel__activeDeadlineSeconds=60, prelabel__ttlSecondsAfterFinished=0).template("prelabel")
    assert spec["spec"]["activeDeadlineSeconds"] == 60
    assert "ttlSecondsAfterFinished" not in spec["spec"]


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


def test_its_pods_reach_the_backend_and_are_asked_by_it_alone(chart):
    release = chart.render()
    policies = list(release.of("NetworkPolicy").values())
    pods = {
        name: Peer("here", release.component(kind, name)["spec"]["template"]["metadata"]["labels"])
        for kind, name in (("Deployment", "backend"), ("Deployment", "extractor"))
    }
    worker = Peer("here", release.template("prelabel")["spec"]["template"]["metadata"]["labels"])
    assert allowed(policies, worker, pods["backend"], 9090)
    assert not allowed(policies, worker, pods["extractor"], 9091)
    assert allowed(policies, pods["backend"], worker, PROGRESS_PORT)
    assert not allowed(policies, pods["extractor"], worker, PROGRESS_PORT)


def test_prometheus_finds_the_workers(chart):
    annotations = chart.render().template("prelabel")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(PROGRESS_PORT)
    monitors = chart.render(monitoring__scrape="operator").of("PodMonitor")
    assert monitors["spanloop-prelabel"]["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] == "prelabel"


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
