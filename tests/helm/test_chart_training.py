"""The training Job: one template for all launchers."""

from __future__ import annotations

import copy

import pytest

from service.backend.cluster.job_run import PROGRESS_PORT
from training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("feature", "cron_projects"),
    [("default", []), ("complete", [1, 3]), ("gpu", []), ("kueue", [3]), ("model-volume", [])],
)
def test_all_launchers_get_the_same_job(chart, feature, cron_projects):
    release = chart.render(feature)
    cron = release.component("CronJob", "training")
    by_cron, by_backend = copy.deepcopy(cron["spec"]["jobTemplate"]), release.job
    arguments = [one["spec"]["template"]["spec"]["containers"][0].pop("args") for one in (by_cron, by_backend)]
    projects = [part for project in cron_projects for part in ("--project", str(project))]
    assert arguments == [["run", *projects], ["run"]]
    assert by_cron["spec"] == by_backend["spec"]
    assert by_cron["metadata"]["labels"] == by_backend["metadata"]["labels"]
    assert "name" not in by_backend["metadata"], "the backend sets the name"


def test_a_run_answers_where_the_backend_asks(chart):
    (container,) = chart.render().job["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one.get("value") for one in container["env"]}
    assert env["SPANLOOP_PROGRESS_PORT"] == str(PROGRESS_PORT)
    assert [port["containerPort"] for port in container["ports"]] == [PROGRESS_PORT]


def test_a_run_leaves_out_the_annotators_and_tasks_of_the_values(chart):
    env = chart.render("complete").env("training")
    settings = TrainingSettings(
        exclude_annotators=env["SPANLOOP_EXCLUDE_ANNOTATORS"], exclude_tasks=env["SPANLOOP_EXCLUDE_TASKS"]
    )
    assert settings.excluded_annotators == ("7", "ann@example.com")
    assert settings.excluded_tasks == (12, 3000000)
    assert not {name for name in chart.render().env("training") if "EXCLUDE" in name}


@pytest.mark.parametrize(
    "values", [{"training__exclude__annotators": ["ann,bob"]}, {"training__exclude__tasks": ["seventeen"]}]
)
def test_what_is_no_annotator_and_no_task_is_refused(chart, values):
    assert "/training/exclude/" in (told := chart.refusal(**values))
    assert "/0'" in told


def test_the_job_template_is_shown_as_lines_by_kubectl(chart):
    text = chart.render("complete").component("ConfigMap", "training")["data"]["job.yaml"]
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_the_cronjob_is_only_a_template_until_it_has_a_schedule(chart):
    assert chart.render().component("CronJob", "training")["spec"]["suspend"] is True
    spec = chart.render("kueue").component("CronJob", "training")["spec"]
    assert (spec["suspend"], spec["schedule"], spec["timeZone"]) == (False, "30 1 * * 1-5", "Europe/Vienna")
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"] == ["run", "--project", "3"]


def test_a_queue_labels_the_job_and_holds_it(chart):
    job = chart.render("kueue").job
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "annotation"
    assert job["spec"]["suspend"] is True
    assert "suspend" not in chart.render().job["spec"]


@pytest.mark.parametrize(
    ("kube", "fields"),
    [
        ("1.20.2", set()),
        ("1.25.0", set()),
        ("1.26.0", {"podFailurePolicy"}),
        ("1.29.4-gke.1000", {"podFailurePolicy", "podReplacementPolicy"}),
        ("1.37.0", {"podFailurePolicy", "podReplacementPolicy"}),
    ],
)
def test_newer_fields_of_a_job_are_left_out_where_the_cluster_lacks_them(chart, kube, fields):
    spec = chart.render(kube=kube).job["spec"]
    assert {"podFailurePolicy", "podReplacementPolicy"} & spec.keys() == fields
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["template"]["spec"]["restartPolicy"]) == (
        3,
        21600,
        "Never",
    )
    assert "ttlSecondsAfterFinished" not in spec


def test_checkpoints_are_kept_unless_they_are_not_wanted(chart):
    assert (
        chart.render().component("PersistentVolumeClaim", "training")["spec"]["resources"]["requests"]["storage"]
        == "5Gi"
    )
    homes = {
        feature: next(
            one for one in chart.render(feature).job["spec"]["template"]["spec"]["volumes"] if one["name"] == "home"
        )
        for feature in ("default", "open", "model-volume")
    }
    assert homes["default"]["persistentVolumeClaim"] == {"claimName": "spanloop-training"}
    assert homes["open"]["emptyDir"] == {}
    assert homes["model-volume"]["persistentVolumeClaim"] == {"claimName": "checkpoints"}


def test_no_two_pods_share_bentomls_home(chart):
    """Each pod has that folder for itself, even if the program's home is on a claim."""
    for pod in chart.render("model-volume").pods:
        volumes = {one["name"]: one for one in pod.spec["volumes"]}
        for one in pod.containers:
            paths = {mount["mountPath"]: volumes[mount["name"]] for mount in one["volumeMounts"]}
            home = paths.get("/var/lib/spanloop/bentoml") or paths.get("/var/lib/spanloop")
            assert home is None or "emptyDir" in home, pod.where


def test_a_changed_job_template_restarts_the_backend_and_nothing_else(chart):
    before, after = (chart.render(training__steps=steps) for steps in (100, 200))
    annotations = [
        one.component("Deployment", "backend")["spec"]["template"]["metadata"]["annotations"] for one in (before, after)
    ]
    assert annotations[0]["checksum/config"] != annotations[1]["checksum/config"]
    assert before.component("Deployment", "extractor") == after.component("Deployment", "extractor")
