from __future__ import annotations

import copy

import pytest

from service.backend.cluster.jobs import LABEL_VALUE_MAX, is_active, why_waiting
from service.backend.cluster.run_jobs import manifest, name_of, notes, run_of
from service.runs.run import Run
from service.versions.lineage import Score

TEMPLATE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "spanloop-", "labels": {"app.kubernetes.io/component": "training"}},
    "spec": {
        "backoffLimit": 3,
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/component": "training"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "training", "args": ["run"]}]},
        },
    },
}
RUN = Run(id="run-0123456789", projects=(3, 5), why="Start Training", fingerprint="f", annotations=40, attempt=2)


def job(run=RUN, conditions=(), **spec):
    made = manifest(TEMPLATE, "spanloop", run)
    made["metadata"]["creationTimestamp"] = "2026-11-25T15:00:00+00:00"
    made["spec"] |= spec
    made["status"] = {"conditions": [{"type": kind, "status": "True", "reason": reason} for kind, reason in conditions]}
    return made


def test_the_manifest_of_a_run_is_the_template_with_its_name_labels_and_projects():
    before = copy.deepcopy(TEMPLATE)
    assert manifest(TEMPLATE, "spanloop", RUN) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "spanloop-run-0123456789-2",
            "labels": {"app.kubernetes.io/component": "training", "spanloop.dev/run": "run-0123456789"},
            "annotations": {
                "spanloop.dev/run": RUN.model_dump_json(exclude_defaults=True),
                "spanloop.dev/phase": "waiting",
                "spanloop.dev/percent": "0",
                "spanloop.dev/f1": "",
                "spanloop.dev/waits": "",
            },
        },
        "spec": {
            "backoffLimit": 3,
            "template": {
                "metadata": {
                    "labels": {"app.kubernetes.io/component": "training", "spanloop.dev/run": "run-0123456789"}
                },
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "training",
                            "args": ["run", "--run", "run-0123456789", "--project", "3", "--project", "5"],
                        }
                    ],
                },
            },
        },
    }
    assert before == TEMPLATE


@pytest.mark.parametrize("length", [1, 40, 46, 47, 53, 63, 200])
def test_names_fit_a_label_and_differ_where_releases_do(length):
    one, other = (name_of("r" * length + end, "run-0123456789", 12) for end in "ab")
    assert len(one) <= LABEL_VALUE_MAX
    assert one != other
    assert one.endswith("-run-0123456789-12")
    assert name_of("r" * length + "a", "run-0123456789", 12) == one


def test_a_run_is_found_again_on_its_job():
    assert run_of(job()) == RUN


def test_what_a_finished_run_left_on_its_job_stays_regardless_of_the_jobs_status():
    score = Score(precision=0.5, recall=0.5, f1=0.5, per_label={}, support={})
    held = RUN.model_copy(update={"outcome": "held", "message": "Not better.", "scores": {"new": score}})
    assert notes(held)["spanloop.dev/f1"] == "0.500"
    assert notes(held)["spanloop.dev/phase"] == "held"
    assert run_of(job(held, [("Complete", "")])) == held


def test_the_phase_of_a_run_in_rollout_is_a_column_and_no_end_regardless_of_the_jobs_status():
    rolls = RUN.model_copy(update={"phase": "rollout", "rollout": "begun", "version": "v1"})
    assert notes(rolls)["spanloop.dev/phase"] == "rollout"
    for kind in ("Complete", "Failed"):
        assert run_of(job(rolls, [(kind, "")])) == rolls


def test_a_complete_job_whose_run_never_asked_for_a_rollout_has_failed():
    told = RUN.model_copy(update={"phase": "rollout", "version": "v1"})
    run = run_of(job(told, [("Complete", "")]))
    assert run.outcome == "failed"
    assert "outcome was not seen" in run.message


def test_a_job_that_somebody_created_is_a_run_of_its_projects():
    made = job()
    made["metadata"] |= {"name": "retrain-by-hand", "annotations": {}}
    made["spec"]["template"]["spec"]["containers"][0]["args"] = ["run", "--project", "9", "--project=2"]
    run = run_of(made)
    assert (run.id, run.projects, run.outcome) == ("retrain-by-hand", (2, 9), None)
    assert "kubectl" in run.why


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("DeadlineExceeded", "activeDeadlineSeconds"),
        ("BackoffLimitExceeded", "backoffLimit"),
        ("PodFailurePolicy", "PodFailurePolicy"),
    ],
)
def test_a_failed_job_says_why_and_what_to_do(reason, said):
    made = job(conditions=[("Failed", reason)])
    run = run_of(made)
    assert run.outcome == "failed"
    assert said in run.message
    assert "live version is untouched" in run.message
    assert not is_active(made)


def pod(conditions=(), containers=(), init=(), phase="Pending"):
    return {
        "status": {
            "phase": phase,
            "conditions": [{"type": kind, "status": status, "message": said} for kind, status, said in conditions],
            "containerStatuses": [{"state": {"waiting": {"reason": r, "message": m}}} for r, m in containers],
            "initContainerStatuses": [{"state": {"waiting": {"reason": r, "message": m}}} for r, m in init],
        }
    }


@pytest.mark.parametrize(
    ("spec", "pods", "said"),
    [
        ({"suspend": True}, [], "waits in a queue"),
        ({}, [], "quota"),
        ({}, [pod([("PodScheduled", "False", "0/3 nodes: 3 Insufficient nvidia.com/gpu.")])], "Insufficient nvidia"),
        ({}, [pod(containers=[("ImagePullBackOff", "Back-off pulling image")])], "ImagePullBackOff Back-off"),
        ({}, [pod([("PodScheduled", "True", "")])], "its pod starts"),
        ({}, [pod(containers=[("PodInitializing", "")])], "its pod starts"),
        ({}, [pod([("PodScheduled", "False", "No room.")]), pod(phase="Failed")], "No room."),
        ({}, [pod(phase="Failed")], "another one is made"),
    ],
)
def test_a_run_that_waits_says_what_for(spec, pods, said):
    assert said in why_waiting(job(**spec), pods)


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_a_run_whose_newest_pod_runs_waits_for_nothing(phase):
    assert why_waiting(job(), [pod(phase=phase), pod([("PodScheduled", "False", "No room.")])]) == ""


def test_what_a_run_waits_for_is_a_column_of_its_own_until_it_has_ended():
    waiting = RUN.model_copy(update={"phase": "tune", "waits": "no node takes it"})
    assert notes(waiting)["spanloop.dev/waits"] == "no node takes it"
    failed = run_of(job(waiting, [("Failed", "DeadlineExceeded")]))
    assert notes(failed)["spanloop.dev/waits"] == ""
