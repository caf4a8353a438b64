"""The state of a release that is uninstalled and installed again, against a small API server."""

from __future__ import annotations

import copy

import pytest

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ClusterError
from service.backend.cluster.events import Events
from service.backend.cluster.projects import PROJECTS_ANNOTATION, ClusterProjects
from service.backend.cluster.record import Record
from service.backend.cluster.rollout import ClusterRollout, reference_of, state_of
from tests.support.api_server import EXTRACTOR

V1, V2 = (f"registry/loop:{name}@sha256:{digit * 64}" for name, digit in (("v1", "1"), ("v2", "2")))


class Release:
    """The parts of a backend that keep a release's state, and a tick of them as the backend's loop makes it."""

    def __init__(self, settings):
        cluster = Cluster(settings)
        self.deployment = ExtractorDeployment(cluster)
        self.record = Record(cluster, self.deployment)
        self.record.restore_at_start()
        self.rollout = ClusterRollout(self.deployment, "initial", 600, Events(cluster, "backend-1"))
        self.projects = ClusterProjects(self.deployment)

    def tick(self):
        self.deployment.look()
        self.record.tick()
        self.rollout.look()
        self.rollout.tick()
        self.projects.tick()
        self.record.tick()


@pytest.fixture
def release(api, on_cluster):
    return lambda: Release(on_cluster())


@pytest.fixture
def used(release):
    """A release that serves v2, has given v1 up for nothing, and knows a project that is left out."""
    one = release()
    one.rollout.promote("", V1, "better")
    one.tick()
    one.rollout.promote(V1, V2, "better still")
    one.tick()
    one.projects.see(3)
    one.projects.leave_out(3)
    one.tick()
    return one


def reinstall(api):
    """`helm uninstall` and `helm install`: a new Deployment; what is not the chart's stays."""
    del api.objects["deployments", "extractor"]
    api.put("deployments", copy.deepcopy(EXTRACTOR))


def test_a_release_that_is_installed_again_goes_on_from_its_live_version_history_and_projects(api, used, release):
    reinstall(api)
    again = release()
    assert reference_of(api.extractor) == V2
    assert not state_of(api.extractor).is_over, "its pods have to become ready with it first"
    again.tick()
    assert again.rollout.reference == V2
    assert [change.reference for change in again.rollout.history.changes] == [V1, V2]
    assert again.projects.get(3).left_out
    again.rollout.rollback(V2, V1, "by hand")
    assert reference_of(api.extractor) == V1


def test_a_deployment_that_is_made_anew_beside_a_running_backend_goes_on_too(api, used):
    reinstall(api)
    used.tick()
    used.tick()
    assert reference_of(api.extractor) == V2
    assert used.rollout.history.live == V2


def test_a_backend_that_comes_to_lead_restores_what_the_one_before_it_recorded_last(api, release):
    one, other = release(), release()
    other.record.tick()
    one.rollout.promote("", V1, "better")
    one.tick()
    reinstall(api)
    other.deployment.look()
    other.record.tick()
    assert reference_of(api.extractor) == V1


def test_a_deployment_that_has_a_history_is_left_as_it_is(api, used, release):
    reinstall(api)
    used.deployment.look()
    used.rollout.promote("", V1, "by hand")
    again = release()
    again.tick()
    assert reference_of(api.extractor) == V1
    assert [change.reference for change in again.rollout.history.changes] == [V1]


def test_a_recorded_version_that_does_not_come_up_is_taken_back(api, used, release):
    reinstall(api)
    api.objects["configmaps", "loop-state"]["data"]["rollout"] = api.objects["configmaps", "loop-state"]["data"][
        "rollout"
    ].replace("loop:v2", "loop:broken")
    again = release()
    again.rollout._seconds = -1
    again.tick()
    assert reference_of(api.extractor) == ""
    assert "taken back" in again.rollout.history.why


def test_a_rollout_that_was_under_way_is_not_restored_and_the_version_that_served_is(api, used, release):
    used.rollout.promote(V2, "registry/loop:broken@sha256:" + "3" * 64, "better")
    used.tick()
    assert not state_of(api.extractor).is_over
    reinstall(api)
    again = release()
    again.tick()
    assert reference_of(api.extractor) == V2
    assert [change.reference for change in again.rollout.history.changes] == [V1, V2]


def test_a_record_is_not_overwritten_by_a_deployment_that_lost_its_annotations(api, used):
    api.extractor["metadata"]["annotations"].clear()
    used.tick()
    assert "v2" in api.objects["configmaps", "loop-state"]["data"]["rollout"]


def test_without_the_right_to_read_the_record_a_backend_starts_all_the_same(api, release, service_log, monkeypatch):
    refused = ClusterError("The API server answered 403 Forbidden to: read ConfigMap loop-state.")

    def forbidden(*_):
        raise refused

    monkeypatch.setattr(Cluster, "config_map", forbidden)
    release()
    assert any("403 Forbidden" in line for line in service_log)


def test_a_first_installation_restores_nothing_and_a_damaged_record_loses_only_itself(api, release):
    one = release()
    one.tick()
    assert reference_of(api.extractor) == ""
    api.objects["configmaps", "loop-state"]["data"].update(rollout="{", projects="{", deployment="another")
    again = release()
    again.tick()
    assert reference_of(api.extractor) == ""
    assert again.projects.ids == ()
    assert annotation(api.extractor, PROJECTS_ANNOTATION) in ("", "{}", "{")


def test_nothing_is_written_while_nothing_changes(api, used):
    before = len([one for one in api.asked if "configmaps" in one])
    for _ in range(3):
        used.tick()
    assert len([one for one in api.asked if "configmaps" in one]) == before
