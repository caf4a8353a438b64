"""What `helm install` prints."""

from __future__ import annotations

import subprocess

import pytest
from chart import CHART


@pytest.fixture
def notes(chart):
    def install(*values: str) -> str:
        """The notes of an installation that is only tried, without a cluster."""
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
    assert "whoever can create Jobs in a namespace can mount every Secret in it" in " ".join(notes().split())


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
