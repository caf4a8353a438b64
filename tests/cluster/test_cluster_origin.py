"""A Job that somebody makes to look like a run of the release, and that says it has published a better version."""

from __future__ import annotations

import pytest

from service.runs.run import Run
from tests.end_to_end.backend import until

from .conftest import IMAGE

EVIL = f"evil.example.com/models:trust-me@sha256:{'1' * 64}"


@pytest.fixture
def forged(release, trained):
    """Make such a Job with a name of its own, whose pod names a reference in its last words."""
    made = []

    def make(name, reference, version):
        facts = {"phase": "rollout", "rollout": "wanted", "message": "Trust me.", "champion": release.reference}
        words = Run(id=name, projects=(1,), reference=reference, version=version, **facts).model_dump_json()
        labels = {"app.kubernetes.io/component": "training", "spanloop.dev/release": "loop-spanloop"}
        program = ["sh", "-c", 'printf %s "$WORDS" > /dev/termination-log']
        container = {"name": "training", "image": IMAGE, "command": program, "env": [{"name": "WORDS", "value": words}]}
        pod = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}}
        spec = {"backoffLimit": 0, "template": pod}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels}, "spec": spec}
        release.kubectl("create", "--filename", "-", given=job)
        made.append(name)

    yield make
    for name in made:
        release.kubectl("delete", "job", name)


def test_the_last_words_of_a_foreign_job_decide_nothing_about_what_is_served(release, forged):
    before = release.reference, release.version
    forged("innocent", EVIL, "trust-me")

    def refused():
        job = release.get("job", "innocent")
        return job["metadata"].get("annotations", {}).get("spanloop.dev/phase") == "failed"

    until(refused, "the end of the forged run", 90)
    assert "Version trust-me was refused, and the live version stays" in release.page
    assert (release.reference, release.version) == before


@pytest.mark.slow
def test_a_foreign_job_that_names_a_version_of_the_releases_registry_decides_nothing_either(release, forged):
    before = release.reference, release.version
    release.service("rollback")
    until(lambda: release.version != before[1], "the version before", 200)
    rolled_back = release.reference
    forged("innocent-too", before[0], before[1])
    until(lambda: "innocent-too" in release.page and "is none of this release" in release.page, "the refusal", 90)
    assert release.reference == rolled_back
    release.service("promote", before[1])
    release.until_version(before[1])
