"""Requests for a run that no Job came of: each backend shows them, whichever was asked."""

from __future__ import annotations

import pytest

from service.backend.cluster.api import Cluster
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ClusterError
from service.backend.cluster.events import Events
from service.backend.cluster.refusals import KEPT, REFUSALS_ANNOTATION, Refusals
from service.runs.run import Run


@pytest.fixture
def backends(on_cluster):
    """A backend's refusals; each call gives those of another one."""

    def one():
        cluster = Cluster(on_cluster())
        deployment = ExtractorDeployment(cluster)
        deployment.look()
        made = Refusals(deployment, Events(cluster, "backend-1"))
        made.look = deployment.look
        return made

    return one


def refused(why="Start Training", message="Label Studio refuses the API key."):
    return Run(id=f"run-{why}", projects=(3,), why=why, outcome="failed", message=message)


def events(api):
    return [found for (kind, _), found in api.objects.items() if kind == "events"]


def test_a_refusal_is_shown_by_the_other_backend_and_after_a_restart(backends):
    one, other = backends(), backends()
    one.keep(refused())
    other.look()
    assert [run.message for run in other.all()] == ["Label Studio refuses the API key."]
    assert [run.message for run in backends().all()] == ["Label Studio refuses the API key."]


def test_of_a_request_the_newest_refusal_stays_and_of_all_requests_a_few(backends):
    one = backends()
    one.keep(refused(message="before"))
    one.keep(refused(message="after"))
    assert [run.message for run in one.all()] == ["after"]
    for number in range(KEPT + 3):
        one.keep(refused(why=f"request {number}"))
    assert [run.why for run in backends().all()] == [f"request {number}" for number in reversed(range(3, KEPT + 3))]


def test_a_refusal_while_the_api_server_is_away_is_written_when_it_is_back(backends, api):
    one = backends()
    api.broken = 503
    with pytest.raises(ClusterError):
        one.keep(refused())
    assert [run.why for run in one.all()] == ["Start Training"]
    api.broken = 0
    one.tick()
    assert [run.why for run in backends().all()] == ["Start Training"]
    asked = len(api.asked)
    one.tick()
    assert len(api.asked) == asked, "nothing is written twice"


def test_two_backends_keep_each_others_refusals(backends):
    one, other = backends(), backends()
    one.keep(refused("Start Training"))
    other.keep(refused("annotations were submitted"))
    assert {run.why for run in backends().all()} == {"Start Training", "annotations were submitted"}


def test_an_annotation_that_cannot_be_read_is_none(backends, api):
    api.extractor["metadata"]["annotations"] = {REFUSALS_ANNOTATION: "[{"}
    one = backends()
    assert one.all() == []
    one.keep(refused())
    assert len(backends().all()) == 1


def test_each_refusal_is_an_event_on_the_deployment(backends, api):
    one = backends()
    one.keep(refused())
    one.tick()
    (event,) = events(api)
    assert (event["regarding"]["kind"], event["regarding"]["name"]) == ("Deployment", "extractor")
    assert (event["type"], event["reason"]) == ("Warning", "RunRefused")
    assert "Label Studio refuses the API key." in event["note"]
