"""What a backend on Kubernetes counts and tells, against a small API server and extractors on this machine."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from service.backend.app import build as build_backend
from service.backend.census import Census
from service.backend.cluster import compose, leader
from service.backend.cluster.api import Cluster
from service.backend.cluster.launcher import JobLauncher
from service.backend.cluster.run_jobs import manifest
from service.backend.cluster.scaling import Scaling
from service.backend.local.projects import FileProjects
from service.backend.remote import RemoteExtractor
from service.backend.retraining import Retraining
from service.extractor.app import build as build_extractor
from service.extractor.questions import Question, Unavailable
from service.extractor.settings import ExtractorSettings
from service.labelstudio.client import LabelStudio
from service.runs.run import Run
from tests.support.asking import predict
from tests.support.clock import Clock
from tests.support.rollouts import TickedRollout, job_runs
from tests.support.samples import Scrape
from tests.support.studio import KEY, StudioProject

GOOD = "registry.example.com/spanloop:v1@sha256:" + "1" * 64
WINDOW_SECONDS = 12
"""Longer than two ticks of an idle backend."""
BROKEN = "registry.example.com/spanloop:v2-broken@sha256:" + "2" * 64
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = Run(id="run-1", projects=(1,), phase="tune", percent=40, started=BEGAN, updated=BEGAN)
TEMPLATE = {
    "metadata": {"labels": {"app.kubernetes.io/component": "training", "spanloop.dev/release": "loop"}},
    "spec": {"template": {"spec": {"containers": [{"name": "training", "args": ["run"]}]}}},
}


@pytest.fixture
def clock():
    return Clock()


# Rollouts


@pytest.fixture
def rollout(api, on_cluster, clock):
    return TickedRollout(Cluster(on_cluster()), clock=clock)


def test_a_rollout_is_done_once(rollout, grown):
    rollout.promote("", GOOD, "better")
    for _ in range(3):
        rollout.tick()
    assert rollout.version == "v1"
    assert grown("spanloop_rollouts_total", outcome="done") == 1
    assert grown("spanloop_rollouts_total", outcome="undone") == 0


def test_a_rollout_that_is_taken_back_is_undone_and_its_way_back_is_no_other(rollout, clock, grown):
    rollout.promote("", BROKEN, "better")
    rollout.tick()
    clock.seconds = 61
    for _ in range(3):
        rollout.tick()
    assert rollout.reference == rollout.target == ""
    assert grown("spanloop_rollouts_total", outcome="undone") == 1
    assert grown("spanloop_rollouts_total", outcome="done") == 0


# From zero and back


class Woken:
    """Scaling, and a remote extractor whose pod starts when the Deployment wants one."""

    def __init__(self, cluster, rollout, clock, pod, starts):
        self.pod, self.starts, self.api_replicas = pod, starts, lambda: cluster.deployment()["spec"]["replicas"]
        self.scaling = Scaling(rollout.deployment, rollout, idle_seconds=300, clock=clock)
        self.remote = RemoteExtractor(pod.url, lambda: "v", self.scaling.asked, self.wake, self.scaling.ended)

    def wake(self):
        self.scaling.wake()
        self.scaling.rouse()
        if self.starts and not self.pod.started and self.api_replicas() == 1:
            self.pod.start()

    def ask(self, seconds=60.0):
        return asyncio.run(self.remote.ask([Question(["Alice"], ["person"])], 0.5, seconds))


@pytest.fixture
def woken(api, on_cluster, rollout, clock, pods, settings):
    api.extractor["spec"]["replicas"] = 0

    def make(starts):
        return Woken(Cluster(on_cluster()), rollout, clock, pods(build_extractor(settings(ExtractorSettings))), starts)

    return make


def test_a_question_that_takes_the_extractor_from_zero_is_a_wakeup_and_the_next_is_none(woken, api, grown):
    one = woken(starts=True)
    assert len([one.ask() for _ in range(3)]) == 3
    assert api.extractor["spec"]["replicas"] == 1
    assert grown("spanloop_wakeups_total", outcome="answered") == 1
    assert grown("spanloop_wakeups_total", outcome="timed_out") == 0


def test_a_wakeup_that_no_pod_answers_before_the_question_is_given_up_has_timed_out_once(woken, grown):
    one = woken(starts=False)
    for _ in range(2):
        with pytest.raises(Unavailable):
            one.ask(seconds=0.5)
    one.pod.start()
    one.ask()
    assert grown("spanloop_wakeups_total", outcome="timed_out") == 1
    assert grown("spanloop_wakeups_total", outcome="answered") == 0


def test_a_question_to_an_extractor_that_is_there_wakes_nothing(woken, api, grown):
    api.extractor["spec"]["replicas"] = 1
    one = woken(starts=True)
    one.ask()
    assert grown("spanloop_wakeups_total", outcome="answered") == 0


def test_each_time_that_the_extractor_is_taken_to_zero_is_a_sleep(woken, api, clock, grown):
    api.extractor["spec"]["replicas"] = 2
    one = woken(starts=False)
    one.scaling.rest()
    assert grown("spanloop_sleeps_total") == 0
    clock.seconds = 301
    for _ in range(2):
        one.scaling.rest()
    assert api.extractor["spec"]["replicas"] == 0
    assert grown("spanloop_sleeps_total") == 1


# The whole backend


@pytest.fixture
def backends(api, on_cluster, monkeypatch):
    """Start backends by name, of one release."""
    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.05)
    for pace in ("BUSY_SECONDS", "IDLE_SECONDS", "RARELY_SECONDS", "RENEW_SECONDS"):
        monkeypatch.setattr(compose, pace, 0.05)
    with ExitStack() as running:

        def start(name, **overrides):
            monkeypatch.setenv("HOSTNAME", name)
            made = on_cluster(**overrides)
            return running.enter_context(TestClient(build_backend(made, compose.supervisor)))

        yield start
        api.silence("")
        api.broken = 0


def scrape(client):
    return Scrape(client.get("/metrics").text)


def leads(client):
    return "spanloop_runs" in scrape(client).types


def test_of_several_backends_the_leading_one_tells_of_runs_and_versions(backends, api, until):
    api.put("jobs", manifest(TEMPLATE, "loop", RUN))
    one = backends("one")
    until(lambda: leads(one))
    two = backends("two")
    until(lambda: scrape(one)("spanloop_runs", phase="tune", outcome="") == 1)
    told, other = scrape(one), scrape(two)
    assert told("spanloop_run_active_since_timestamp_seconds") == BEGAN.timestamp()
    ((version,),) = told.of("spanloop_live_version_info")
    assert version.startswith("tiny-")
    assert told.own - other.own == {
        "spanloop_live_version_info",
        "spanloop_extractors_ready",
        "spanloop_extractors_wanted",
        "spanloop_prelabel_tasks",
        "spanloop_runs",
        "spanloop_run_last_success_timestamp_seconds",
        "spanloop_run_failed_timestamp_seconds",
        "spanloop_run_active_since_timestamp_seconds",
        "spanloop_run_progressed_timestamp_seconds",
        "spanloop_version_f1",
        "spanloop_annotated_spans",
        "spanloop_annotated_tasks",
        "spanloop_version_acceptance_ratio",
        "spanloop_acceptance_fall_probability",
        "spanloop_annotations_compared_timestamp_seconds",
    }


def test_an_idle_backend_asks_the_api_server_at_most_once_a_second(on_cluster, api, until):
    with TestClient(build_backend(on_cluster(), compose.supervisor)) as client:
        until(lambda: leads(client))
        for first in ("GET /apis/batch", "POST /api/v1/namespaces/here/configmaps"):
            until(lambda first=first: any(asked.startswith(first) for asked in api.asked))
        api.asked.clear()
        time.sleep(WINDOW_SECONDS)
        asked = Counter(api.asked)
    assert sum(asked.values()) <= WINDOW_SECONDS, asked
    assert len(asked) == 3, "the Lease, the Deployment and the Jobs are still looked after"


def test_questions_that_wait_for_a_pod_ask_the_api_server_no_more_often_than_a_rollout_does(on_cluster, api, until):
    with TestClient(build_backend(on_cluster(predict_deadline=WINDOW_SECONDS), compose.supervisor)) as client:
        until(lambda: leads(client))
        asking = [threading.Thread(target=predict, args=(client, "Alice")) for _ in range(10)]
        for question in asking:
            question.start()
        until(lambda: scrape(client)("spanloop_extractor_demand") == 10)
        api.asked.clear()
        for question in asking:
            question.join()
        asked = Counter(api.asked)
    assert sum(asked.values()) <= 2 * WINDOW_SECONDS, asked
    assert sum(count for path, count in asked.items() if "/leases/" in path) <= WINDOW_SECONDS / 3, asked


def test_a_scrape_is_answered_though_the_api_server_is_silent(backends, api, until, monkeypatch):
    monkeypatch.setattr(leader, "LEADS_SECONDS", 600)
    one = backends("one")
    until(lambda: leads(one))
    # The Lease is being renewed: so it is a part of every second.
    api.silence("/leases/")
    until(lambda: any("/leases/" in path for path in api.waiting))
    assert leads(one)
    # All threads that ask the API server wait.
    api.silence("/")
    until(lambda: len(api.waiting) == 4)
    assert leads(one)


def test_a_backend_that_cannot_know_whether_it_leads_tells_nothing_of_the_release(backends, api, until, grown):
    one = backends("one")
    until(lambda: leads(one))
    api.broken = 500
    until(lambda: not leads(one))
    assert grown("spanloop_errors_total", cause="cluster_api") >= 1
    api.broken = 0
    until(lambda: leads(one))


def test_what_keeps_a_run_from_starting_is_counted_by_its_cause(on_cluster, api, studio, tmp_path, grown):
    studio.projects[3] = StudioProject(annotations=30)
    template = tmp_path / "job.yaml"
    template.write_text(json.dumps(TEMPLATE), encoding="utf-8")
    asked = {"label_studio_url": studio.url, "label_studio_api_key": KEY, "job_template": template}
    settings = on_cluster(registry="registry.example.com/spanloop", **asked)
    cluster = Cluster(settings)
    runs, projects = job_runs(cluster, keep=2), FileProjects(tmp_path)
    projects.see(3)
    label_studio, launcher = LabelStudio(settings), JobLauncher(cluster, runs, settings)
    retraining = Retraining(settings, projects, runs, launcher, label_studio, Census(projects, label_studio))
    api.broken = 500
    run = retraining.start("Start Training").run
    assert run.outcome == "failed"
    assert "API server" in run.message
    assert {cause: grown("spanloop_errors_total", cause=cause) for cause in ("cluster_api", "run_start")} == {
        "cluster_api": 1,
        "run_start": 0,
    }


def test_a_registry_that_refuses_is_counted_by_its_cause(backends, pods, until, grown):
    async def refuse(request):
        return Response(status_code=403)

    registry = pods(Starlette(routes=[Route("/{path:path}", refuse)]))
    registry.start()
    backends("one", registry=f"127.0.0.1:{registry.port}/spanloop", registry_plain_http=True)
    until(lambda: grown("spanloop_errors_total", cause="registry") >= 1)
