"""What commit aa6c8b7 left behind loads, serves, and can be rolled back to."""

from __future__ import annotations

import html
import json

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from service.__main__ import app as command_line
from service.backend.app import build as build_backend
from service.backend.cluster import compose
from service.backend.cluster.rollout import reference_of, state_of
from service.backend.cluster.run_jobs import run_of
from service.backend.cluster.settings import ClusterSettings
from service.extractor.loading import load
from service.versions.oci.bentos import Bentos
from service.versions.store import BentoStore
from tests.support import api_server, old_state
from tests.support.asking import results
from tests.support.oci_registry import docker_registry
from tests.support.old_state import FIRST, HELD, SECOND
from tests.support.tiny_engine import LABELS

RUN = "spanloop.dev/run"
STANDING = "spanloop.dev/rollout"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The directory with everything; the home in it is the tests' own."""
    monkeypatch.setenv("BENTOML_HOME", "changed by each store, put back at the end")
    old_state.unpack(tmp_path)
    return tmp_path


def call(monkeypatch, *arguments, **settings):
    """Give a command as on the command line: what it says."""
    with monkeypatch.context() as patched:
        for name, value in settings.items():
            patched.setenv(f"SPANLOOP_{name.upper()}", str(value))
        answer = CliRunner().invoke(command_line, arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


def end_of(client, run_id):
    """A run's outcome and version, as far as the backend knows them."""
    told = client.post("/job_status", json={"job": run_id}).json()
    return told.get("outcome"), told.get("version")


def spans_of(item):
    values = [region["value"] for region in item["result"]]
    return [[value["start"], value["end"], *value["labels"]] for value in values]


# One machine


def assert_answers(client, version):
    """The version finds what it found, and Label Studio knows it by the name it had: no prediction is asked for anew.

    Both hang on the project's threshold.
    """
    for known in old_state.answers(version):
        items = results(client, *(one["text"] for one in known["found"]), project=known["project"])
        assert {item["model_version"] for item in items} == {known["name"]}
        assert [spans_of(item) for item in items] == [one["spans"] for one in known["found"]]


@pytest.fixture
def _same_prediction_code(monkeypatch):
    """A change of what is predicted gives versions other names on purpose, as do thresholds of their own."""
    monkeypatch.setattr("service.versions.names.PREDICTION_CODE", 1)
    monkeypatch.setenv("SPANLOOP_THRESHOLD", "0.5")


@pytest.mark.usefixtures("_same_prediction_code")
def test_the_live_version_answers_as_it_did(kept, backend):
    client = backend()
    assert client.get("/health").json()["model_version"] == SECOND
    assert_answers(client, SECOND)
    assert "Spans do not overlap." in client.get("/").text


@pytest.mark.usefixtures("_same_prediction_code")
def test_a_rollback_brings_the_version_before_back_and_the_running_backend_serves_it(kept, backend, until, monkeypatch):
    client = backend()
    assert FIRST in call(monkeypatch, "rollback", home=kept / "home")
    until(lambda: client.get("/health").json()["model_version"] == FIRST)
    assert_answers(client, FIRST)
    assert f"Rolled back by hand from {SECOND}" in client.get("/").text


def test_a_version_that_was_held_can_be_promoted(kept, backend, until, monkeypatch):
    client = backend()
    call(monkeypatch, "promote", "--force", HELD, home=kept / "home")
    until(lambda: client.get("/health").json()["model_version"] == HELD)


def test_all_versions_are_known_with_their_scores(kept, backend, until, monkeypatch):
    client = backend()
    until(lambda: client.get("/versions").json()["versions"] == [SECOND, HELD, FIRST])
    page = html.unescape(client.get("/").text)
    verdicts = {FIRST: "0.667 → 1.000.", HELD: "1.000 → 0.667, not better", SECOND: "0.794 → 1.000."}
    for version, verdict in verdicts.items():
        assert version in page
        assert verdict in page
        assert f'"version": "{version}"' in call(monkeypatch, "show", version, home=kept / "home")


def test_all_runs_are_known_with_how_they_ended(kept, backend):
    written = [json.loads(path.read_text(encoding="utf-8")) for path in (kept / "home" / "runs").glob("*.json")]
    assert sorted(run["outcome"] for run in written) == ["failed", "held", "nothing new", "promoted", "promoted"]
    client = backend()
    page = html.unescape(client.get("/").text)
    for run in written:
        assert end_of(client, run["id"]) == (run["outcome"], run["version"])
        assert run["id"] in page
        assert run["message"] in page


def test_the_projects_are_known_with_the_threshold_of_their_own(kept, backend):
    projects = backend().app.state.supervisor.projects
    assert [(project.id, project.threshold) for project in projects.all] == [(1, None), (2, 0.4)]


# A registry


@pytest.fixture
def repository(kept):
    """A repository of a real registry with all versions."""
    with docker_registry(kept / "docker-registry") as host:
        old_state.publish(kept, host, "team/spanloop")
        yield f"{host}/team/spanloop"


def test_models_are_pulled_from_a_registry_and_find_what_they_found(kept, repository):
    bentos = Bentos.connect(repository, plain_http=True)
    published = bentos.versions()
    assert [(one.version, one.digest) for one in published] == [*old_state.digests(kept).items()][::-1]
    for one in published:
        folder = kept / "models" / one.version
        assert bentos.pull_model(one.reference, folder).version == one.version
        assert load(str(folder), "cpu").version == one.version  # its canaries have been found
    for version in (FIRST, SECOND):
        known = old_state.answers(version)[0]["found"]
        model = load(str(kept / "models" / version), "cpu").model
        found = model.extract([one["text"] for one in known], LABELS, 0.5)
        assert [[list(span[:3]) for span in one.spans] for one in found] == [one["spans"] for one in known]


def test_a_bento_is_pulled_from_a_registry_into_a_store(kept, repository):
    store, there = BentoStore(kept / "another"), BentoStore(kept / "home")
    Bentos.connect(repository, plain_http=True).pull(FIRST, store)
    assert [lineage.version for lineage in store.versions()] == [FIRST]
    assert store.get(FIRST) == there.get(FIRST)


# A cluster


@pytest.fixture
def api(kept, repository, monkeypatch):
    """An API server that holds the release's objects."""
    state = api_server.ApiServer()
    for kind, found in old_state.cluster(repository).items():
        for one in found:
            state.put(kind, one)
    with api_server.served(state, kept) as kubeconfig:
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield state


@pytest.fixture
def release(repository):
    """What the programs of the release are told."""
    return {
        "namespace": "here",
        "release": "spanloop",
        "extractor_deployment": "extractor",
        "registry": repository,
        "registry_plain_http": True,
        "extractor_url": "http://127.0.0.1:9",
    }


@pytest.fixture
def on_cluster(api, release, settings):
    """Settings of the release's backend."""
    return settings(ClusterSettings, **release)


def noted_runs():
    """What is noted on each Job of its run."""
    return [json.loads(job["metadata"]["annotations"][RUN]) for job in old_state.cluster()["jobs"]]


def test_a_cluster_goes_on_with_the_rollout_that_was_under_way_and_can_be_rolled_back(
    kept, repository, release, on_cluster, until, monkeypatch
):
    references = {version: f"{repository}:{version}@{digest}" for version, digest in old_state.digests(kept).items()}
    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.05)
    with TestClient(build_backend(on_cluster, compose.supervisor)) as client:
        until(lambda: client.get("/live").json()["reference"] == references[SECOND], what="the end of the rollout")
        assert client.get("/live").json()["given_up"] == [references[HELD]]
        ends = [(run["outcome"].replace("published", "promoted"), run.get("version", "")) for run in noted_runs()]
        until(lambda: [end_of(client, run["id"]) for run in noted_runs()] == ends, what="the end of all runs")
        until(lambda: client.get("/versions").json()["versions"] == [SECOND, HELD, FIRST], what="all versions")

        assert FIRST in call(monkeypatch, "rollback", **release)
        until(lambda: client.get("/live").json()["reference"] == references[FIRST], what="the version before")
        assert client.get("/live").json()["given_up"] == [references[HELD], references[SECOND]]


def test_where_a_rollout_stood_is_read_with_all_that_was_noted():
    (deployment,) = old_state.cluster()["deployments"]
    noted = json.loads(deployment["metadata"]["annotations"][STANDING])
    state = state_of(deployment)
    assert (state.good, state.target, list(state.given_up)) == (noted["good"], noted["target"], noted["given_up"])
    changes = [change.model_dump(mode="json", include={"reference", "at", "why"}) for change in state.changes]
    assert changes == noted["history"]
    assert reference_of(deployment) == noted["target"] != noted["good"]


def test_a_run_is_read_from_its_job_with_all_that_was_noted():
    for job, noted in zip(old_state.cluster()["jobs"], noted_runs(), strict=True):
        run = json.loads(run_of(job).model_dump_json())
        for score in run["scores"].values():
            assert (score.pop("on"), score.pop("texts")) == ("held_out", 0)  # what an older release did not note
        lasting = noted.keys() - {"phase", "percent", "outcome", "detail", "updated"}
        assert {fact: run[fact] for fact in lasting} == {fact: noted[fact] for fact in lasting}


def test_what_a_pod_said_last_of_its_run_is_understood(api, repository, on_cluster):
    """Its backend was replaced before it could note that on the Job."""
    (pod,) = old_state.cluster(repository)["pods"]
    job = api.objects["jobs", pod["metadata"]["name"].rpartition("-")[0]]
    said = json.loads(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"])
    launched = {"id": said["id"], "projects": said["projects"], "started": said["started"]}
    job["metadata"]["annotations"][RUN] = json.dumps(launched)
    runs = compose.supervisor(on_cluster).runs
    runs.refresh()
    run = runs.get(said["id"])
    assert (run.version, run.reference, run.champion) == (SECOND, said["reference"], said["champion"])


def test_the_projects_of_a_cluster_are_known_with_the_threshold_of_their_own(on_cluster):
    projects = compose.supervisor(on_cluster).projects
    assert [(project.id, project.threshold) for project in projects.all] == [(1, None), (2, 0.4)]
