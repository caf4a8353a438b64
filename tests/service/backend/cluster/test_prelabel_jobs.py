"""Pre-labellings as Jobs, against a small API server: started by the button, by kubectl and by schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from starlette.testclient import TestClient

from service.backend.app import build
from service.backend.cluster import compose, prelabeller
from service.backend.cluster.api import Cluster
from service.backend.cluster.jobs import LABEL_VALUE_MAX
from service.backend.cluster.prelabel_jobs import name_of
from service.backend.cluster.prelabeller import JobPrelabeller
from service.prelabel.progress import Prelabelling
from service.prelabel.watch import last_words
from service.watch import answering
from tests.support.asking import setup
from tests.support.samples import Scrape
from tests.support.servers import free_port
from tests.support.studio import KEY

V1, V2 = "base.111111", "base.222222"
HERE = {"origin": "http://testserver"}
LABELS = {"app.kubernetes.io/component": "prelabel", "spanloop.dev/release": "loop"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {
        "completions": 2,
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "prelabel", "args": ["prelabel", "--shards", "2"]}]},
        },
    },
}
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = name_of("loop", 7, V1, 1)


@pytest.fixture
def asked(tmp_path):
    """The settings of a backend that can start pre-labellings."""
    template = tmp_path / "job.yaml"
    template.write_text(yaml.safe_dump(TEMPLATE), encoding="utf-8")
    return {"label_studio_url": "http://ls", "label_studio_api_key": KEY, "prelabel_template": template}


@pytest.fixture
def make(on_cluster, asked):
    """A backend's part that starts pre-labellings and watches them."""

    def made(version=V1, **overrides):
        settings = on_cluster(**{**asked, **overrides})
        return JobPrelabeller(Cluster(settings), settings, lambda project: version)

    return made


@pytest.fixture
def look(make):
    """What a backend that has just started knows of the only pre-labelling, after it has mirrored it."""

    def seen():
        known = make()
        known.refresh()
        known.mirror()
        (one,) = known.all()
        return one

    return seen


def notes(api, name=JOB):
    found = api.objects["jobs", name]["metadata"]["annotations"]
    return {key.removeprefix("spanloop.dev/"): value for key, value in found.items()}


def jobs(api):
    return [name for kind, name in api.objects if kind == "jobs"]


def says(shard, seconds=0, **facts):
    """What a worker's process says of itself that began so many seconds later than the first."""
    began = BEGAN + timedelta(seconds=seconds)
    known = {"project": 7, "version": V1, "shards": 2, "total": 1000, "started": began, "updated": began}
    return Prelabelling(**{**known, "shard": shard, **facts})


def ended(api, worker, name, job=JOB):
    """A pod that has left these last words."""
    state = {"terminated": {"message": last_words(worker)}}
    status = {"phase": "Succeeded" if worker.outcome == "done" else "Failed", "containerStatuses": [{"state": state}]}
    api.put("pods", {"metadata": {"name": name, "labels": {"job-name": job}}, "status": status})


def finish(api, condition, name=JOB, **more):
    api.objects["jobs", name]["status"] = {"conditions": [{"type": condition, "status": "True", **more}]}


def test_a_click_makes_a_job_of_the_template_and_a_second_one_makes_none(make, api):
    make().start(7, "http://here")
    make().start(7, "http://here")  # another backend, which asks the cluster as well
    assert jobs(api) == [JOB]
    job = api.objects["jobs", JOB]
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["prelabel", "--shards", "2", "--project", "7"]
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert labels == {**LABELS, "spanloop.dev/project": "7"}
    assert notes(api)["version"] == V1
    assert notes(api)["phase"] == "waiting"


def test_two_backends_that_see_no_job_make_one(make, api, monkeypatch):
    make().start(7, "http://here")
    two = make()
    monkeypatch.setattr(two, "refresh", lambda: None)  # it has not seen the Job yet
    two.start(7, "http://here")
    assert jobs(api) == [JOB]


def test_another_project_has_a_job_of_its_own_and_one_that_has_ended_is_followed_by_another(make, api):
    make().start(7, "http://here")
    make().start(8, "http://here")
    assert len(jobs(api)) == 2
    finish(api, "Complete")
    make().start(7, "http://here")
    assert name_of("loop", 7, V1, 2) in jobs(api)
    known = make()
    known.refresh()
    assert sorted(one.job for one in known.all()) == sorted([name_of("loop", 7, V1, 2), name_of("loop", 8, V1, 1)])


def test_names_fit_into_a_label():
    assert len(name_of("r" * 60, 1234567, V1, 12)) <= LABEL_VALUE_MAX
    assert name_of("r" * 60, 7, V1, 1) != name_of("r" * 61, 7, V1, 1)


def test_without_a_key_it_says_which_values_to_set_and_starts_nothing(make, api):
    with pytest.raises(RuntimeError, match=r"labelStudio\.existingSecret"):
        make(label_studio_api_key="").start(7, "http://here")
    assert jobs(api) == []


@pytest.fixture
def started(make, api):
    make().start(7, "http://here")


def test_a_pod_that_works_tells_how_far_it_is_and_the_job_and_the_page_say_it(started, look, api, monkeypatch):
    port = free_port(0)
    monkeypatch.setattr(prelabeller, "PROGRESS_PORT", port)
    worker = says(0, written=200, failed=3, reasons={"too long": 3}, waits="Label Studio does not answer (503)")
    status = {"phase": "Running", "podIP": "127.0.0.1"}
    api.put("pods", {"metadata": {"name": "a", "labels": {"job-name": JOB}}, "status": status})
    with answering(port, worker.model_dump_json, lambda: ()):
        one = look()
    assert (one.done, one.total, one.written, one.version) == (203, 1000, 200, V1)
    assert (one.reasons, one.outcome) == ({"too long": 3}, None)
    assert "does not answer" in one.waits
    told = notes(api)
    assert [told[key] for key in ("phase", "percent", "done", "total", "failed", "version")] == (
        ["working", "20", "203", "1000", "3", V1]
    )


def test_all_workers_count_together_and_a_complete_job_is_done(started, look, api):
    ended(api, says(0, written=490, skipped=2, outcome="done"), "a")
    ended(api, says(1, written=508, outcome="done"), "b")
    assert look().outcome is None, "the Job is not complete yet"
    finish(api, "Complete")
    one = look()
    assert (one.outcome, one.written, one.skipped, one.percent) == ("done", 998, 2, 100)
    assert "998 predictions" in one.message
    for name in ("a", "b"):
        del api.objects["pods", name]
    assert look() == one, "the Job says it when its pods are gone"
    assert notes(api)["phase"] == "done"


def test_a_killed_worker_goes_on_where_it_was(started, look, api):
    ended(api, says(0, written=200, outcome=None), "a")
    assert look().done == 200
    del api.objects["pods", "a"]  # its node is gone
    ended(api, says(0, seconds=60, total=600, written=50), "b")
    for _ in range(2):
        one = look()
        assert (one.written, one.total) == (250, 1000), "300 of its share of 500 were left"


def test_what_a_killed_worker_could_not_read_is_told_to_the_end(started, look, api):
    reasons, unread = {"no text": 5, "not reached in time": 3}, {"no text": 5}
    ended(api, says(0, written=200, failed=3, reasons=reasons, unread=unread), "a")
    assert (look().done, look().reasons) == (203, reasons)
    del api.objects["pods", "a"]
    ended(api, says(0, seconds=60, total=600, written=50, reasons=unread, unread=unread), "b")
    assert look().reasons == {"no text": 10}
    del api.objects["pods", "b"]
    ended(api, says(0, seconds=120, total=500, written=9, failed=1, reasons={"too long": 1}), "c")
    one = look()
    assert (one.written, one.failed) == (259, 1)
    assert one.reasons == {"no text": 10, "too long": 1}, "what had failed was tried again"


def test_another_version_begins_from_the_start(started, look, api):
    ended(api, says(0, written=200, outcome="version changed", message="V2 answers now."), "a")
    assert look().outcome is None
    ended(api, says(0, seconds=60, version="", total=0), "b")
    assert look().written == 200, "it does not know the version yet"
    ended(api, says(0, seconds=60, version=V2, total=1000, written=10), "b")
    one = look()
    assert (one.version, one.written, one.total) == (V2, 10, 1000)


def test_workers_that_ended_with_the_version_before_are_told(started, look, api):
    ended(api, says(0, written=500, outcome="done"), "a")
    ended(api, says(1, seconds=60, version=V2, written=500, outcome="done"), "b")
    finish(api, "Complete")
    one = look()
    assert one.outcome == "version changed"
    assert V2 in one.message
    assert "Press Pre-label" in one.message


def test_a_worker_that_failed_says_why_until_its_job_has_failed(started, look, api):
    ended(api, says(0, written=5, outcome="failed", message="Label Studio refuses the API key."), "a")
    one = look()
    assert one.outcome is None
    assert "refuses the API key" in one.waits
    assert "refuses the API key" in notes(api)["waits"]
    finish(api, "Failed", reason="BackoffLimitExceeded")
    one = look()
    assert one.outcome == "failed"
    assert "backoffLimit" in one.message
    assert "refuses the API key" in one.message
    assert "stays" in one.message


@pytest.mark.parametrize(
    ("condition", "reason", "says"),
    [
        ("Failed", "DeadlineExceeded", "activeDeadlineSeconds"),
        ("Failed", "PodFailurePolicy", "PodFailurePolicy"),
        ("Complete", "", "logs"),
    ],
)
def test_the_end_of_a_job_whose_pods_said_nothing_is_told(started, look, api, condition, reason, says):
    finish(api, condition, reason=reason)
    assert says in look().message


@pytest.mark.parametrize("project", [["--project", "9"], ["--project=9"]], ids=["two words", "one word"])
def test_a_job_that_somebody_created_is_found_by_its_labels(look, api, project):
    job = {"apiVersion": "batch/v1", "kind": "Job", **yaml.safe_load(yaml.safe_dump(TEMPLATE))}
    job["metadata"]["name"] = "by-hand"
    job["spec"]["template"]["spec"]["containers"][0]["args"] += [*project, "--view", "4"]
    api.put("jobs", job)
    one = look()
    assert (one.project, one.job, one.total) == (9, "by-hand", 0)
    assert one.waits, "its pod is not there yet"
    ended(api, says(0, written=500, view=4), "a", job="by-hand")
    assert (look().written, look().view) == (500, 4)
    assert notes(api, "by-hand")["done"] == "500"


def test_a_broken_annotation_is_passed_over(started, look, api):
    api.objects["jobs", JOB]["metadata"]["annotations"]["spanloop.dev/shards"] = "{"
    ended(api, says(0, written=200), "a")
    assert look().written == 200


# The whole backend


@pytest.fixture
def client(on_cluster, asked, monkeypatch):
    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.05)
    for pace in ("BUSY_SECONDS", "IDLE_SECONDS", "RARELY_SECONDS", "RENEW_SECONDS"):
        monkeypatch.setattr(compose, pace, 0.05)
    with TestClient(build(on_cluster(**asked), compose.supervisor)) as made:
        yield made


def test_the_button_of_the_page_starts_a_job_and_the_page_shows_it_to_its_end(client, api, until):
    named = setup(client, project="7.1")
    assert '<button name="project" value="7"' in client.get("/").text
    assert client.post("/prelabel", data={"project": "7"}, headers=HERE, follow_redirects=False).status_code == 303
    (job,) = jobs(api)
    assert job == name_of("loop", 7, named, 1)
    assert job in client.get("/").text
    for shard in (0, 1):
        ended(api, says(shard, version=named, written=500, outcome="done"), f"pod-{shard}", job=job)
    until(lambda: "1,000 of 1,000 tasks" in client.get("/").text)
    until(lambda: notes(api, job)["done"] == "1000")
    finish(api, "Complete", name=job)
    until(lambda: f"All tasks are done: 1,000 predictions of {named} written." in client.get("/").text)
    metrics = Scrape(client.get("/metrics").text)
    assert metrics("spanloop_prelabel_tasks", project="7", result="written") == 1000
    assert metrics("spanloop_prelabel_tasks", project="7", result="left") == 0


def test_an_api_server_that_refuses_is_told(client, api):
    setup(client, project="7.1")
    api.broken = 403
    answer = client.post("/prelabel", data={"project": "7"}, headers=HERE)
    api.broken = 0
    assert answer.status_code == 503
    assert "The API server answered 403" in answer.json()["error"]
