"""What the releases before this one left behind on a cluster loads, is trusted, serves, and is gone on from."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from service.backend.app import build as build_backend
from service.backend.cluster import compose
from service.backend.cluster.rollout import state_of
from service.backend.cluster.run_jobs import run_of
from service.backend.cluster.settings import ClusterSettings
from service.extractor.loading import load
from service.versions.oci.bentos import Bentos
from service.versions.signature import SignatureRefused
from service.versions.store import BentoStore
from service.versions.trust import Trust
from tests.support.oci_registry import docker_registry
from tests.support.past_release import NAME, kept
from tests.support.signing_keys import key_pair

LABELS = ("human", "firm", "place")
RUN = "spanloop.dev/run"
STANDING = "spanloop.dev/rollout"
PROJECTS = "spanloop.dev/projects"


@pytest.fixture(params=kept(), ids=lambda past: past.version)
def past(request):
    return request.param


@pytest.fixture
def repository(past, tmp_path):
    """A repository of a real registry with all versions."""
    with docker_registry(tmp_path / "docker-registry") as host:
        past.publish(host, "team/spanloop")
        yield f"{host}/team/spanloop"


@pytest.fixture
def certificate(past, tmp_path):
    """The file with the certificate of the key that signed the versions."""
    file = tmp_path / "earlier.crt"
    file.write_text(past.certificate)
    return file


def noted(found, annotation):
    """What an annotation of an object holds."""
    return json.loads(found["metadata"]["annotations"][annotation])


# Versions


def test_a_version_is_pulled_and_trusted_and_finds_what_it_found(past, repository, certificate, tmp_path):
    folder = tmp_path / "models" / past.live
    trust = Trust("require", certificate)
    Bentos.connect(repository, plain_http=True).pull_model(past.live, folder, trust.check_model)
    loaded = load(str(folder), "cpu")  # its canaries have been found
    assert loaded.version == past.live
    known = past.answers[past.live]
    found = loaded.model.extract([one["text"] for one in known], LABELS, None)
    assert [sorted(list(span[:3]) for span in one.spans) for one in found] == [one["spans"] for one in known]


def test_a_version_is_not_trusted_by_another_key(past, repository, tmp_path):
    other = Trust("require", key_pair(tmp_path, "other").certificate)
    with pytest.raises(SignatureRefused, match="key that is not trusted"):
        Bentos.connect(repository, plain_http=True).pull_model(past.live, tmp_path / past.live, other.check_model)


def test_a_whole_bento_is_pulled_and_trusted(past, repository, certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("BENTOML_HOME", "changed by each store, put back at the end")
    store = BentoStore(tmp_path / "home")
    lineage = Bentos.connect(repository, plain_http=True).pull(past.live, store)
    Trust("require", certificate).check_bento(store.bento(past.live))
    assert lineage.verdict is not None
    assert lineage.scores["new"].f1 > 0


# A cluster


@pytest.fixture
def served(settings, repository, certificate, monkeypatch):
    """A backend of the release, whose extractor has this name."""
    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.05)

    def make(extractor):
        told = settings(
            ClusterSettings,
            namespace="here",
            release=NAME,
            extractor_deployment=extractor,
            registry=repository,
            registry_plain_http=True,
            extractor_url="http://127.0.0.1:9",
            verify="require",
            trusted_keys=certificate,
        )
        return TestClient(build_backend(told, compose.supervisor))

    return make


def projects_of(client):
    """The known projects and their own thresholds."""
    return {str(one.id): one.threshold for one in client.app.state.supervisor.projects.all}


def kept_projects(found):
    return {number: project.get("threshold") for number, project in found.items()}


def test_a_new_installation_goes_on_from_the_recorded_state(past, repository, api, served, until):
    record = past.record(repository)
    api.put("configmaps", record)
    recorded = {key: json.loads(record["data"][key]) for key in ("rollout", "projects")}
    with served("extractor") as client:
        until(lambda: client.get("/live").json()["version"] == past.live, what="the recorded version")
        assert client.get("/live").json()["reference"] == recorded["rollout"]["target"]
        assert client.get("/live").json()["given_up"] == recorded["rollout"]["given_up"]
        assert projects_of(client) == kept_projects(recorded["projects"])
    assert noted(api.extractor, STANDING)["history"] == recorded["rollout"]["history"]


def test_an_upgraded_backend_goes_on_with_the_objects_as_they_are(past, repository, api, served, until):
    for kind in ("deployments", "jobs", "pods", "configmaps"):
        for one in past.objects(kind, repository):
            api.put(kind, one)
    deployment = past.named("deployments", "extractor", repository)
    runs = [noted(job, RUN) for job in past.objects("jobs", repository)]
    with served(f"{NAME}-extractor") as client:
        until(lambda: client.get("/versions").json()["versions"], what="the versions")
        assert client.get("/live").json()["reference"] == noted(deployment, STANDING)["target"]
        assert projects_of(client) == kept_projects(noted(deployment, PROJECTS))
        ends = {run["id"]: client.post("/job_status", json={"job": run["id"]}).json()["outcome"] for run in runs}
        assert ends == {run["id"]: run["outcome"] for run in runs}
        assert {"promoted", "cancelled"} <= set(ends.values())


def test_where_a_rollout_stood_is_read_with_all_that_was_noted(past):
    deployment = past.named("deployments", "extractor")
    known = noted(deployment, STANDING)
    assert json.loads(state_of(deployment).as_json()).items() >= known.items()


def test_a_run_is_read_from_its_job_with_all_that_was_noted(past):
    for job in past.objects("jobs"):
        run = json.loads(run_of(job).model_dump_json(exclude_defaults=True))
        known = noted(job, RUN)
        assert {fact: run.get(fact) for fact in known} == known
