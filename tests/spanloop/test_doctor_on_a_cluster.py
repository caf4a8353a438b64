"""What `spanloop doctor` says of a release on a cluster, by a fake API server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.backend.cluster.projects import PROJECTS_ANNOTATION
from service.backend.cluster.settings import ReleaseSettings
from spanloop.doctor import cluster, known, registry
from spanloop.doctor.settings import DoctorSettings
from tests.support import api_server

KEY = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "label-studio", "key": "api-key"}}}
MAYBE = {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "perhaps", "key": "x", "optional": True}}}


@pytest.fixture
def api(tmp_path, monkeypatch):
    """The objects of a release in which nothing is wrong, seen with a kubeconfig."""
    state = api_server.ApiServer()
    backend = {"containers": [{"name": "backend", "env": [{"name": "PLAIN", "value": "x"}, KEY, MAYBE]}]}
    state.put(
        "deployments",
        {
            "metadata": {"name": "loop-backend", "generation": 1},
            "spec": {"replicas": 1, "template": {"metadata": {}, "spec": backend}},
        },
    )
    state.put("secrets", {"metadata": {"name": "label-studio"}, "data": {"api-key": "c2VjcmV0"}})
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with api_server.served(state, tmp_path) as kubeconfig:
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield state


def examined():
    settings = ReleaseSettings(namespace="here", release="loop", extractor_deployment="extractor")
    return {finding.check: finding for finding in cluster.checks(settings)}


def event(name, ago, **more):
    at = (datetime.now(UTC) - ago).isoformat()
    involved = {"kind": "Pod", "name": name}
    return {"metadata": {"name": name}, "involvedObject": involved, "lastTimestamp": at, "reason": "Failed", **more}


def test_in_a_healthy_release_nothing_is_wrong(api):
    assert {finding.state for finding in examined().values()} == {"ok"}, examined()


def test_without_a_release_the_cluster_is_not_asked():
    assert cluster.checks(ReleaseSettings()) == []


def test_rights_that_the_backends_account_lacks_are_told_by_name(api):
    reviewed = []

    def allows(spec):
        reviewed.append(spec)
        asked = spec["resourceAttributes"]
        return (asked["verb"], asked["resource"]) not in (("create", "jobs"), ("get", "configmaps"))

    api.allows = allows
    told = examined()[cluster.RIGHTS].told
    assert told == "loop-backend may not: create jobs, get configmaps loop-state."
    assert {spec["user"] for spec in reviewed} == {"system:serviceaccount:here:loop-backend"}


def test_in_the_backends_pod_its_own_rights_are_asked_for(api, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.delenv("KUBERNETES_SERVICE_PORT", raising=False)
    found = examined()
    assert found[cluster.RIGHTS].state == "ok"
    assert any("selfsubjectaccessreviews" in path for path in api.asked)
    assert "/secrets/" not in "".join(api.asked)


@pytest.mark.parametrize("secret", [None, {"metadata": {"name": "label-studio"}, "data": {"other": "eA=="}}])
def test_a_secret_that_is_missing_or_has_another_key_is_told_and_never_printed(api, secret):
    del api.objects["secrets", "label-studio"]
    if secret:
        api.put("secrets", secret)
    found = examined()[cluster.SECRETS]
    assert (found.state, found.told) == ("wrong", "There is no label-studio/api-key.")


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        ({"initContainers": [{"name": "first", "env": [KEY]}]}, "label-studio/api-key"),
        ({"containers": [{"name": "backend", "envFrom": [{"secretRef": {"name": "all"}}]}]}, "all"),
        (
            {"volumes": [{"name": "keys", "secret": {"secretName": "keys", "items": [{"key": "public.pem"}]}}]},
            "keys/public.pem",
        ),
        ({"volumes": [{"name": "keys", "secret": {"secretName": "keys"}}]}, "keys"),
        ({"volumes": [{"name": "both", "projected": {"sources": [{"secret": {"name": "login"}}]}}]}, "login"),
        ({"volumes": [{"name": "keys", "secret": {"secretName": "perhaps", "optional": True}}]}, ""),
    ],
)
def test_every_way_of_reading_a_secret_is_looked_at(api, pod, told):
    del api.objects["secrets", "label-studio"]
    api.objects["deployments", "loop-backend"]["spec"]["template"]["spec"] = pod
    found = examined()[cluster.SECRETS]
    assert found.told == (f"There is no {told}." if told else "All that the backend reads are there.")


def test_extractors_that_are_not_ready_are_told(api):
    api.extractor["spec"]["replicas"] = 2
    assert examined()[cluster.EXTRACTORS].told == "1 of 2 are ready."
    api.extractor["spec"]["replicas"] = 0
    assert "scaled to zero" in examined()[cluster.EXTRACTORS].told


def test_events_of_the_last_hour_are_told_each_once(api):
    api.put("events", event("old", timedelta(hours=3), message="long ago"))
    api.put("events", event("new", timedelta(minutes=3), message="Back-off pulling\nimage."))
    found = examined()[cluster.EVENTS]
    assert (found.state, found.told) == ("look", "Pod new: Failed: Back-off pulling image.")


def test_an_event_that_repeats_is_as_old_as_its_last_time(api):
    again = {"lastObservedTime": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
    api.put("events", event("still", timedelta(hours=3), message="again", series=again))
    assert "Pod still: Failed: again." in examined()[cluster.EVENTS].told


def test_the_hosts_of_the_projects_that_a_release_knows_are_read(api):
    api.extractor["metadata"]["annotations"] = {PROJECTS_ANNOTATION: '{"3": {"id": 3, "host": "spanloop.example.com"}}'}
    settings = DoctorSettings(namespace="here", release="loop", extractor_deployment="extractor")
    assert known.hosts(settings) == {3: "spanloop.example.com"}
    api.broken = 503
    assert known.hosts(settings) == {}


def test_a_cluster_without_a_registry_keeps_no_versions(api):
    (found,) = registry.checks(ReleaseSettings(namespace="here"))
    assert (found.state, found.told) == ("look", "None is set.")


def test_an_api_server_that_does_not_answer_is_told_as_what_was_not_checked(api):
    api.broken = 503
    assert {finding.state for finding in examined().values()} == {"not checked"}
