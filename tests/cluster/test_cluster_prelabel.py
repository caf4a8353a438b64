"""Pre-labelling on a cluster: the button makes a Job, and Label Studio has one prediction a task at its end."""

from __future__ import annotations

import json

import pytest
from end_to_end.backend import until
from end_to_end.material import CONFIG, sentences

TASKS = 400
JOBS = "app.kubernetes.io/component=prelabel"


@pytest.fixture(scope="module")
def project(release):
    """A project with the release as its model, and workers that rest so long that they can be watched."""
    release.upgrade(prelabel={"pause": 6})
    made = release.studio.project(sentences(TASKS), CONFIG)
    release.connected(made)
    yield made
    release.studio.delete(made)


def notes(release):
    """The annotations of each Job, by its name."""
    found = release.get("jobs", "--selector", JOBS)["items"]
    return {
        job["metadata"]["name"]: {
            name.removeprefix("spanloop.dev/"): value for name, value in job["metadata"]["annotations"].items()
        }
        for job in found
        if "annotations" in job["metadata"]
    }


def done_of(release, job):
    return int(notes(release).get(job, {}).get("done", 0))


def pods(release, job):
    found = release.get("pods", "--selector", f"job-name={job}")["items"]
    return [pod for pod in found if pod["status"]["phase"] == "Running"]


def all_predicted_once(release, project):
    found = release.studio.predictions(project)
    assert len(found) == TASKS
    assert {len(predictions) for predictions in found.values()} == {1}


def test_a_click_makes_a_job_that_a_second_click_and_a_killed_worker_do_not_double(release, project):
    release.prelabel(project)
    release.prelabel(project)
    (job,) = notes(release)
    assert notes(release)[job]["phase"] in ("waiting", "working")
    until(lambda: done_of(release, job) > 0, "the first page", 120)
    assert done_of(release, job) < TASKS
    assert f"<code>{job}</code>" in release.page
    assert f"of {TASKS} tasks" in release.page
    (pod,) = pods(release, job)
    assert "serviceaccount" not in json.dumps(pod["spec"]["containers"][0].get("volumeMounts", []))
    release.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    until(lambda: notes(release)[job]["phase"] == "done", "the end", 300)
    all_predicted_once(release, project)
    told = notes(release)[job]
    assert (told["percent"], told["version"]) == (
        "100",
        release.studio.predictions(project).popitem()[1][0]["model_version"],
    )
    assert int(told["done"]) >= TASKS - 100, "what a killed worker did in its last second may not have been seen"
    assert "All tasks are done" in release.page


def test_a_job_by_kubectl_is_shown_and_finds_nothing_left(release, project):
    release.upgrade(prelabel={"pause": 0, "project": project})
    job = "loop-spanloop-prelabel-by-hand"
    release.kubectl("create", "job", job, "--from=cronjob/loop-spanloop-prelabel")
    until(lambda: notes(release).get(job, {}).get("phase") == "done", "the end", 120)
    assert (notes(release)[job]["done"], notes(release)[job]["total"]) == ("0", "0")
    assert f"<code>{job}</code>" in release.page
    all_predicted_once(release, project)


def test_a_job_that_is_deleted_writes_no_more_and_is_gone_from_the_page(release, project):
    release.upgrade(prelabel={"pause": 6, "project": 0})
    for task in release.studio.tasks(project)[: TASKS // 2]:
        release.studio.forget_prediction(task["predictions"][0]["id"])
    release.prelabel(project)
    (job,) = [name for name, told in notes(release).items() if told["phase"] != "done"]
    until(lambda: pods(release, job), "the worker", 60)
    release.kubectl("delete", "job", job)
    until(lambda: job not in release.page, "a page without it", 60)
    until(lambda: not pods(release, job), "the worker's end", 150)
    release.prelabel(project)
    until(lambda: {told["phase"] for told in notes(release).values()} == {"done"}, "the end", 300)
    all_predicted_once(release, project)
