"""What the page, /health and the gauges say of a cluster's backend while something is away: what was observed."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from service.backend.app import build
from service.backend.cluster import compose
from tests.support.asking import scrape
from tests.support.studio import KEY


@pytest.fixture
def backend(on_cluster, api, until, monkeypatch):
    """A backend that leads; what its parts do is in the fake API server."""
    monkeypatch.setattr(compose, "IDLE_SECONDS", 0.1)
    running = []

    def start(**settings):
        client = TestClient(build(on_cluster(**settings), compose.supervisor))
        client.__enter__()
        running.append(client)
        until(lambda: scrape(client)("spanloop_extractors_wanted") is not None, what="a backend that leads")
        return client

    yield start
    for client in running:
        client.__exit__(None, None, None)


def words(client):
    return " ".join(client.get("/?fragment").text.split())


def lose_pods(api):
    """The extractor's pods are ready no more."""
    api.extractor["spec"]["template"]["metadata"]["labels"] = {"state": "broken"}
    api.put("deployments", api.extractor)


def test_without_a_ready_extractor_nothing_says_that_the_version_answers(backend, api, until):
    client = backend()
    version = client.get("/health").json()["model_version"]
    until(lambda: "1 of 1 extractors ready" in words(client))
    assert client.get("/health").json()["answers"] is True
    assert scrape(client)("spanloop_live_version_info", version=version) == 1
    lose_pods(api)
    until(lambda: "0 of 1 extractors ready" in words(client))
    page, health, told = words(client), client.get("/health"), scrape(client)
    assert "It does not answer: 0 of 1 extractors ready. Label Studio gets no predictions." in page
    assert (health.status_code, health.json()["status"]) == (200, "UP"), "Label Studio asks no model that is not up"
    assert (health.json()["answers"], health.json()["extractors"]) == (False, {"ready": 0, "wanted": 1})
    assert told("spanloop_live_version_info", version=version) == 0
    assert (told("spanloop_extractors_ready"), told("spanloop_extractors_wanted")) == (0, 1)


def test_an_extractor_that_rests_is_no_trouble(backend, api, until):
    client = backend()
    api.extractor["spec"]["replicas"] = 0
    api.put("deployments", api.extractor)
    until(lambda: "rests: the next prediction wakes an extractor" in words(client))
    assert "It does not answer" not in words(client)


def test_a_registry_that_is_away_is_no_registry_without_versions(backend, until, grown, service_log):
    client = backend(registry="127.0.0.1:9/spanloop", registry_plain_http=True)
    until(lambda: "Registry</b> cannot be used" in words(client))
    page = words(client)
    assert "Not known. The registry, which has the details, was not reached since" in page
    assert "None yet: only the base model" not in page
    assert "not measured yet. Annotate some tasks" not in page
    assert "How good it is on your texts is not known." in page
    known = client.get("/health").json()["dependencies"]["registry"]
    assert (known["up"], bool(known["since"])) == (False, True)
    assert scrape(client)("spanloop_dependency_up", dependency="registry") == 0
    assert grown("spanloop_errors_total", cause="registry") >= 1, "it is counted when it begins"
    assert "Traceback" not in "".join(service_log)


def test_an_api_server_that_is_away_is_told_by_every_backend_and_its_pods_are_not_said_to_be_ready(
    backend, api, until, grown, service_log
):
    client = backend()
    until(lambda: "1 of 1 extractors ready" in words(client))
    api.broken = 503
    until(lambda: "API server</b> cannot be used" in words(client))
    assert "1 of 1 extractors ready when the API server last answered" in words(client)
    assert "Runs and rollouts stand still" in words(client)
    assert scrape(client)("spanloop_dependency_up", dependency="api_server") == 0
    assert client.get("/health").json()["dependencies"]["api_server"]["up"] is False
    until(lambda: grown("spanloop_errors_total", cause="cluster_api") > 10)
    assert "Traceback" not in "".join(service_log)
    told = [line for line in service_log if line.startswith("WARNING") and "503" in line]
    assert len(told) == 2, "one when it began, and one of the checks that failed, which comes again each minute"
    api.broken = 0
    until(lambda: "API server</b> answers" in words(client))
    assert any("API server answers again" in line for line in service_log)


def test_a_refusal_of_one_request_is_an_answer_of_the_api_server(backend, api, until):
    client = backend()
    api.broken = 403
    asked = len(api.asked)
    until(lambda: len(api.asked) > asked + 3)
    assert client.get("/health").json()["dependencies"]["api_server"]["up"] is True


def test_a_key_that_label_studio_refuses_is_told_though_nobody_has_the_page_open(backend, studio, until):
    client = backend(label_studio_url=studio.url, label_studio_api_key="f" * 40)
    until(lambda: scrape(client)("spanloop_dependency_up", dependency="label_studio") == 0)
    assert "refuses the API key" in words(client)


def test_a_label_studio_that_is_not_set_is_no_dependency_that_is_down(backend, studio, until):
    client = backend()
    until(lambda: "Label Studio</b> cannot be used" in words(client))
    assert ("label_studio",) not in scrape(client).of("spanloop_dependency_up")
    other = backend(label_studio_url=studio.url, label_studio_api_key=KEY)
    until(lambda: scrape(other)("spanloop_dependency_up", dependency="label_studio") == 1)
