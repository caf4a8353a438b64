"""Pre-labelling on a cluster: the button makes a Job, and Label Studio has one prediction a task at its end."""

from __future__ import annotations

import json
import time

import pytest
import yaml

from tests.end_to_end.backend import until
from tests.end_to_end.material import CONFIG, sentences

TASKS = 300
WATCHED = 45
"""Seconds that all tasks take a worker that rests between its batches, so that it can be watched."""
JOBS = "app.kubernetes.io/component=prelabel"


@pytest.fixture(scope="module")
def project(release):
    """A project with the release as its model, and workers that rest so long that they can be watched."""
    settle = {"name": "SPANLOOP_PRELABEL_SETTLE", "value": "10"}
    release.upgrade(prelabel={"pause": pause(release, WATCHED), "extraEnv": [settle]})
    made = release.studio.project(sentences(TASKS), CONFIG)
    release.connected(made)
    yield made
    release.studio.delete(made)


def pause(release, seconds):
    """How long workers rest for each second of work, so that all tasks take so many seconds on any machine."""
    release.predict()  # the first answer may wait for a model
    began = time.monotonic()
    assert len(release.predict(TASKS).json()["results"]) == TASKS
    return max(round(seconds / (time.monotonic() - began)), 1)


def notes(release, project):
    """The annotations of each Job of a project, by its name."""
    found = release.get("jobs", "--selector", JOBS)["items"]
    return {
        job["metadata"]["name"]: {
            name.removeprefix("spanloop.dev/"): value for name, value in job["metadata"]["annotations"].items()
        }
        for job in found
        if "annotations" in job["metadata"]
        and job["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == ["--project", str(project)]
    }


def done_of(release, project, job):
    return int(notes(release, project).get(job, {}).get("done", 0))


def pods(release, job):
    found = release.get("pods", "--selector", f"job-name={job}")["items"]
    return [pod for pod in found if pod["status"]["phase"] == "Running"]


def lose_half(release, project):
    """Delete the predictions of half of the tasks, so that there is something to do."""
    for predictions in list(release.studio.predictions(project).values())[: TASKS // 2]:
        for prediction in predictions:
            release.studio.forget_prediction(prediction["id"])


def all_predicted_once(release, project):
    found = release.studio.predictions(project)
    assert len(found) == TASKS
    assert {len(predictions) for predictions in found.values()} == {1}


def test_a_click_makes_a_job_that_a_second_click_and_a_killed_worker_do_not_double(release, project):
    release.prelabel(project)
    release.prelabel(project)
    (job,) = notes(release, project)
    assert notes(release, project)[job]["phase"] in ("waiting", "working")
    until(lambda: done_of(release, project, job) > 0, "the first page", 120)
    assert done_of(release, project, job) < TASKS
    assert f"<code>{job}</code>" in release.page
    assert f"of {TASKS} tasks" in release.page
    (pod,) = pods(release, job)
    assert "serviceaccount" not in json.dumps(pod["spec"]["containers"][0].get("volumeMounts", []))
    release.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    until(lambda: notes(release, project)[job]["phase"] == "done", "the end", 300)
    all_predicted_once(release, project)
    told = notes(release, project)[job]
    assert (told["percent"], told["version"]) == (
        "100",
        release.studio.predictions(project).popitem()[1][0]["model_version"],
    )
    assert 0 < int(told["done"]) <= TASKS, "what a killed worker did last may not have been seen"
    assert "All tasks are done" in release.page


def test_a_job_by_kubectl_is_shown_and_finds_nothing_left(release, project):
    job = yaml.safe_load(release.get("configmap", "loop-spanloop-prelabel")["data"]["job.yaml"])
    job["metadata"]["name"] = name = "loop-spanloop-prelabel-by-hand"
    job["spec"]["template"]["spec"]["containers"][0]["args"] += ["--project", str(project)]
    # Older clusters have no Indexed Jobs, which one worker does not need.
    release.kubectl("create", "--validate=false", "--filename", "-", given=job)
    until(lambda: notes(release, project).get(name, {}).get("phase") == "done", "the end", 120)
    assert (notes(release, project)[name]["done"], notes(release, project)[name]["total"]) == ("0", "0")
    assert f"<code>{name}</code>" in release.page
    all_predicted_once(release, project)


def test_a_job_that_is_deleted_writes_no_more_and_is_gone_from_the_page(release, project):
    lose_half(release, project)
    release.prelabel(project)
    (job,) = [name for name, told in notes(release, project).items() if told["phase"] != "done"]
    until(lambda: pods(release, job), "the worker", 60)
    release.kubectl("delete", "job", job)
    until(lambda: job not in release.page, "a page without it", 60)
    until(lambda: not pods(release, job), "the worker's end", 150)
    release.prelabel(project)
    until(lambda: {told["phase"] for told in notes(release, project).values()} == {"done"}, "the end", 300)
    all_predicted_once(release, project)


@pytest.mark.slow
def test_another_version_ends_the_worker_and_the_job_goes_on_with_it(release, project):
    """Another threshold makes another version for Label Studio. The backend that is replaced is away for a while."""
    # The worker must still be at work when the new backend is there.
    release.upgrade(prelabel={"pause": pause(release, 2 * WATCHED)})
    lose_half(release, project)
    release.prelabel(project)
    (job,) = [name for name, told in notes(release, project).items() if told["phase"] != "done"]
    before = notes(release, project)[job]["version"]
    until(lambda: pods(release, job), "the worker", 60)
    release.upgrade(model={"threshold": 0.55})
    until(lambda: notes(release, project)[job]["phase"] == "done", "the end", 400)
    after = notes(release, project)[job]["version"]
    assert after != before
    found = release.studio.predictions(project, after)
    assert {len(predictions) for predictions in found.values()} == {1}
    assert {len(predictions) for predictions in release.studio.predictions(project, before).values()} <= {0, 1}
    release.upgrade(model={"threshold": 0.5})
