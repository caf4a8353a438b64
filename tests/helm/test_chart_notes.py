"""What `helm install` prints."""

from __future__ import annotations

import subprocess

import pytest
from chart import CHART


@pytest.fixture
def notes(chart):
    def install(*values: str) -> str:
        """The notes of a dry run, which needs no cluster."""
        command = [chart.helm, "install", "r", str(CHART), "--namespace", "team", "--dry-run=client", *values]
        done = subprocess.run(command, capture_output=True, text=True, env={"KUBECONFIG": "/dev/null", "HOME": "/tmp"})
        assert done.returncode == 0, done.stderr
        return done.stdout.split("NOTES:")[1]

    return install


def test_the_notes_give_the_dotted_address_and_the_settings_label_studio_needs(notes):
    said = notes()
    assert "http://r-spanloop-backend.team.svc.cluster.local:9090" in said
    assert "ML_BLOCK_LOCAL_IP=false  and  SSRF_PROTECTION_ENABLED=false" in said
    assert "USE_DEFAULT_BANNED_SUBNETS=false" in said


def test_the_notes_say_why_the_release_wants_a_namespace_of_its_own(notes):
    assert "a Job can mount every Secret in its namespace" in " ".join(notes().split())


def test_the_notes_give_the_next_three_commands(notes):
    last = notes().split("Next:")[1]
    assert [line.split()[0] for line in last.strip().splitlines()] == ["helm", "kubectl", "kubectl"]
    assert "--from=cronjob/r-spanloop-retrain" in last


def test_the_notes_say_what_is_missing_and_only_that(notes):
    assert "No registry yet" in notes()
    complete = notes("--values", str(CHART / "ci" / "complete-values.yaml"))
    assert "No registry yet" not in complete
    assert "No runs yet" not in complete
    assert "starter" not in complete


def test_the_notes_warn_of_metrics_that_a_service_opens_to_the_outside(notes):
    assert "leaves /metrics open" not in notes()
    assert "leaves /metrics open" in notes("--set", "backend.service.type=NodePort")


def test_the_notes_say_whose_a_repository_is(notes):
    assert "repository of this release alone" in notes("--set", "registry.url=registry.example.com/bentos")
    assert "repository of this release alone" not in notes()


def test_the_notes_say_whom_the_network_policies_keep_out(notes):
    outside = ("--set", "backend.service.type=LoadBalancer", "--set", "labelStudio.url=https://studio.example.com")
    said = notes(*outside)
    assert "name the clients in networkPolicy.backend.peers" in said
    assert "networkPolicy.labelStudio.peers are pods only" in said
    open_to_all = notes(*outside, "--set", "networkPolicy.enabled=false")
    for one in (notes(), open_to_all, notes("--values", str(CHART / "ci" / "existing-secrets-values.yaml"))):
        assert "networkPolicy.backend.peers" not in one
        assert "pods only" not in one


@pytest.mark.parametrize(
    "url",
    [
        "http://studio.here.svc",
        "http://studio.here.svc:8080",
        "http://studio.here.svc.cluster.local/label",
        "http://studio",
        "http://studio:80/",
    ],
)
def test_the_notes_take_a_service_for_what_is_in_the_cluster(notes, url):
    assert "pods only" not in notes("--set", f"labelStudio.url={url}")


def test_the_notes_say_to_narrow_the_addresses_of_the_registry(notes):
    said = "extractor and runs then reach the API server"
    assert said in notes("--values", str(CHART / "ci" / "complete-values.yaml"))
    assert said not in notes("--values", str(CHART / "ci" / "network-values.yaml"))


def test_the_notes_say_which_jobs_an_uninstall_leaves(notes, chart):
    (selector,) = [line.split(" -l ")[1] for line in notes().splitlines() if "delete jobs" in line]
    wanted = dict(one.split("=") for one in selector.split(","))
    release = chart.render(name="r", namespace="team")
    assert wanted.items() <= release.job["metadata"]["labels"].items()
    assert wanted["spanloop.dev/release"] == "r-spanloop"
