"""The projects of a release on a cluster, against a small API server."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from service.__main__ import app as command_line
from service.backend.app import build
from service.backend.cluster import compose
from service.backend.cluster.api import Cluster
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ObjectChanged
from service.backend.cluster.projects import PROJECTS_ANNOTATION, ClusterProjects
from tests.support.asking import setup
from tests.support.studio import KEY, StudioProject


class TickedProjects(ClusterProjects):
    """Looks at the Deployment before each tick, as a backend's loop does."""

    def __init__(self, deployment):
        self.deployment = deployment
        super().__init__(deployment)

    def tick(self):
        self.deployment.look()
        super().tick()


@pytest.fixture
def backend_of(api, on_cluster):
    """The projects as one backend of the release knows them."""
    return lambda: TickedProjects(ExtractorDeployment(Cluster(on_cluster())))


@pytest.fixture
def command(api, monkeypatch):
    """The command line in a backend's pod."""
    for name, value in {"NAMESPACE": "here", "RELEASE": "loop", "EXTRACTOR_DEPLOYMENT": "extractor"}.items():
        monkeypatch.setenv(f"SPANLOOP_{name}", value)
    return lambda *arguments: CliRunner().invoke(command_line, arguments)


def test_backends_share_the_projects_that_one_of_them_saw(backend_of):
    one, other = backend_of(), backend_of()
    one.configure(3, {"threshold": 0.3})
    other.see(5)
    for backend in (one, other, one):
        backend.tick()
    assert one.ids == other.ids == backend_of().ids == (3, 5)
    assert other.get(3).threshold == 0.3


def test_a_project_forgotten_by_hand_is_forgotten_by_running_backends_until_it_is_seen_again(backend_of, command):
    one, other = backend_of(), backend_of()
    for backend in (one, other):
        backend.see(3)
        backend.see(99)
        backend.tick()
    done = command("projects", "forget", "99")
    assert done.exit_code == 0, done.output
    for backend in (one, other, one):
        backend.tick()
    assert one.ids == other.ids == backend_of().ids == (3,)
    other.see(99)
    for backend in (other, one):
        backend.tick()
    assert one.ids == backend_of().ids == (3, 99)


def test_projects_are_listed_by_the_command_line(backend_of, command):
    one = backend_of()
    one.configure(3, "nonsense")
    one.tick()
    done = command("projects")
    assert done.exit_code == 0
    assert "3" in done.output
    assert "not valid JSON" in done.output


def test_a_forgetting_whose_deployment_was_changed_under_it_is_written_all_the_same(
    backend_of, command, api, monkeypatch
):
    one = backend_of()
    one.see(99)
    one.tick()
    patch, refused = Cluster.patch_deployment, []

    def refuse_once(self, body, version):
        if not refused:
            refused.append(version)
            raise ObjectChanged("The Deployment was changed meanwhile.")
        return patch(self, body, version)

    monkeypatch.setattr(Cluster, "patch_deployment", refuse_once)
    assert command("projects", "forget", "99").exit_code == 0
    assert refused
    assert backend_of().ids == ()


def test_an_api_server_that_refuses_is_told_and_the_project_stays(backend_of, command, api):
    one = backend_of()
    one.see(99)
    one.tick()
    api.broken = 503
    done = command("projects", "forget", "99")
    assert done.exit_code == 1
    assert "503" in done.output
    api.broken = 0
    assert backend_of().ids == (99,)


def test_a_sighting_of_a_known_project_changes_nothing_on_the_cluster(backend_of, api):
    one = backend_of()
    one.see(3)
    one.tick()
    written = api.extractor["metadata"]["resourceVersion"]
    one.see(3)
    one.tick()
    assert api.extractor["metadata"]["resourceVersion"] == written


def test_projects_of_an_older_version_are_read(backend_of, api):
    api.extractor["metadata"]["annotations"] = {PROJECTS_ANNOTATION: json.dumps({"3": {"id": 3, "threshold": 0.4}})}
    assert backend_of().get(3).threshold == 0.4


def test_the_backend_that_leads_asks_label_studio_and_all_forget(on_cluster, api, studio, until, monkeypatch):
    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.02)
    for pace in ("BUSY_SECONDS", "IDLE_SECONDS", "RENEW_SECONDS"):
        monkeypatch.setattr(compose, pace, 0.02)
    monkeypatch.setattr("service.backend.census.CHECK_SECONDS", 0.0)
    studio.projects[1] = StudioProject()
    settings = on_cluster(label_studio_url=studio.url, label_studio_api_key=KEY)
    with ExitStack() as running:
        leads = running.enter_context(TestClient(build(settings, compose.supervisor)))
        until(lambda: leads.app.state.supervisor.leads(), what="a backend that leads")
        follows = running.enter_context(TestClient(build(settings, compose.supervisor)))
        for project in ("1.1", "99.1"):
            setup(follows, project=project)
        for client in (leads, follows):
            until(lambda client=client: client.app.state.supervisor.projects.ids == (1,), what="one project")


def test_a_backend_that_does_not_lead_asks_label_studio_for_no_projects(on_cluster, api, studio, until, monkeypatch):
    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.02)
    for pace in ("BUSY_SECONDS", "IDLE_SECONDS", "RENEW_SECONDS"):
        monkeypatch.setattr(compose, pace, 0.02)
    monkeypatch.setattr("service.backend.census.CHECK_SECONDS", 0.0)
    other = {"holderIdentity": "another", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"}
    api.put("leases", {"metadata": {"name": "spanloop-backend"}, "spec": other})
    settings = on_cluster(label_studio_url=studio.url, label_studio_api_key=KEY)
    with TestClient(build(settings, compose.supervisor)) as client:
        setup(client, project="99.1")
        until(lambda: "99" in api.extractor["metadata"].get("annotations", {}).get(PROJECTS_ANNOTATION, ""))
        setup(client, project="98.1")
        until(lambda: "98" in api.extractor["metadata"]["annotations"][PROJECTS_ANNOTATION])
    assert [asked for asked in studio.asked if "whoami" not in asked] == []
