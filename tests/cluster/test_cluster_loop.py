"""The whole loop on a cluster: the chart installed, a real Label Studio, a Job, a registry, a rollout."""

from __future__ import annotations

import httpx
import pytest

from .release import helm, released


def test_the_run_ends_promoted_and_its_version_answers_unattended(release, trained):
    run, seen = trained
    assert run["outcome"] == "promoted", run["message"]
    assert release.version == run["version"] != seen.versions[0]


def test_no_request_failed_while_the_version_was_rolled_out(trained):
    run, seen = trained
    assert seen.failures == []
    assert set(seen.versions) == {seen.versions[0], run["version"]}


def test_the_version_is_in_the_registry_and_on_the_pods(release, trained):
    run, _ = trained
    assert release.reference.startswith(f"{release.registry}:{run['version']}@sha256:")
    host, _, name = release.registry.partition("/")
    tags = httpx.get(f"http://{host}/v2/{name}/tags/list", timeout=10).json()["tags"]
    digest = release.reference.partition("@sha256:")[2]
    assert set(tags) == {run["version"], f"sha256-{digest}"}, "the version, and the list of what refers to it"
    assert run["version"] in release.service("versions")


def test_kubectl_shows_how_the_run_ended(release, trained):
    run, _ = trained
    columns = (
        r"RUN:.metadata.name,PHASE:.metadata.annotations.spanloop\.dev/phase,F1:.metadata.annotations.spanloop\.dev/f1"
    )
    shown = release.kubectl("get", "jobs", "--output", f"custom-columns={columns}")
    (line,) = [line for line in shown.splitlines() if run["job"] in line]
    assert line.split()[1] == "promoted"
    assert float(line.split()[2]) > 0


def test_a_helm_upgrade_keeps_the_promoted_version(release, trained):
    before = release.reference
    release.upgrade(logJson=False)
    assert release.reference == before
    release.until_version(trained[0]["version"])


def test_rollback_brings_back_the_model_before_and_a_promotion_the_version(release, trained):
    run, seen = trained
    assert "initial model is live again" in release.service("rollback")
    release.until_version(seen.versions[0])
    assert release.reference == ""
    release.service("promote", run["version"])
    release.until_version(run["version"])


def test_helm_test_finds_nothing_wrong(release, trained):
    helm("test", "loop", "--namespace", release.namespace, "--timeout", "3m")


@pytest.fixture(scope="module")
def second(release, studio, registry):
    """A second release of the same name, in a namespace of its own."""
    with released(registry.address, studio) as second:
        yield second


def test_a_second_release_in_another_namespace_has_a_version_of_its_own(release, trained, second):
    run, seen = trained
    assert second.version == seen.versions[0]
    assert second.predict().json()["results"][0]["model_version"].startswith(seen.versions[0])
    assert second.job() == {}
    assert release.version == run["version"]


def test_a_backend_may_do_nothing_in_another_releases_namespace(release, second):
    assert second.may("backend", "create", "jobs")
    for verb, what in [("create", "jobs"), ("patch", "deployments/loop-spanloop-extractor"), ("get", "secrets")]:
        assert not second.may("backend", verb, what, namespace=release.namespace)
