"""What a run's pod says that it has published serves only if it comes from the release's registry and from that run."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

import pytest

from service.backend.cluster.origin import Origin, Refused
from service.runs.run import Run
from service.versions.judgement import Decision, Judgement
from service.versions.lineage import Canary
from service.versions.oci.catalogue import Published
from service.versions.oci.errors import Corrupt, RegistryError
from service.versions.reference import Repository
from service.versions.store import UnknownVersion

HERE = Repository("registry.example.com", "spanloop")
DIGEST = "sha256:" + "1" * 64
CONTAINER = {"image": "reg.example.com:5000/spanloop:0.2.0", "command": ["python", "-m", "training"], "args": ["run"]}
POD = {"serviceAccountName": "loop-training", "containers": [CONTAINER]}
TEMPLATE = {"metadata": {"name": "loop-run-1"}, "spec": {"template": {"spec": POD}}}
JUDGED = {
    **{"difference": 0.1, "low": 0.05, "high": 0.15, "probability": 0.99, "needed": 0.95},
    **{"tries": 1, "texts": 60, "spans": 80, "deviation": 0.02},
}
CANARY = Canary(text="Alice", labels=("person",), threshold=0.5, spans=((0, 5, "person"),))


class Kept:
    """A registry that has one version."""

    repository = HERE

    def __init__(self, lineage):
        self.lineage = lineage

    def get(self, version):
        if version.digest != DIGEST:
            raise UnknownVersion(f"{HERE} has no version {str(version)!r}.")
        return Published(self.lineage, DIGEST, HERE)


def any_signature(registry, reference):
    """Trust every version: test_verification.py is about those that are not to be trusted."""


VERIFICATION = SimpleNamespace(check=any_signature)


@pytest.fixture
def published(lineage):
    """The version of run-1, as a run publishes it."""

    def make(decision=Decision.PROMOTE, **overrides):
        facts = {"run": "run-1", "canaries": (CANARY,), "verdict": Judgement(decision=decision, **JUDGED)}
        return lineage("v1", **{**facts, **overrides})

    return make


def check(lineage, reference=f"{HERE}:v1@{DIGEST}", job=TEMPLATE, **run):
    told = Run(**{"id": "run-1", "projects": (1,), "version": "v1", "reference": reference, **run})
    Origin(Kept(lineage), VERIFICATION, lambda: TEMPLATE).check(told, job)


def changed(pod=None, **container):
    job = deepcopy(TEMPLATE)
    job["spec"]["template"]["spec"].update(pod or {})
    job["spec"]["template"]["spec"]["containers"][0].update(container)
    return job


def test_what_a_run_of_the_release_has_published_in_its_registry_may_serve(published):
    check(published())


@pytest.mark.parametrize(
    "reference",
    [f"evil.example.com/spanloop:v1@{DIGEST}", f"{HERE}:v1", f"v1@{DIGEST}", "what?", ""],
)
def test_a_version_elsewhere_or_without_a_digest_is_refused(published, reference):
    with pytest.raises(Refused, match="its run names"):
        check(published(), reference)


def test_a_version_that_the_registry_has_not_is_refused(published):
    with pytest.raises(Refused, match="has no version"):
        check(published(), f"{HERE}:v1@sha256:{'2' * 64}")


def test_a_version_of_another_run_or_under_another_name_is_refused(published):
    with pytest.raises(Refused, match="of run run-0, and run run-1 says"):
        check(published(run="run-0"))
    with pytest.raises(Refused, match="it is version v1 of run run-1, and run run-1 says that it is v9"):
        check(published(), version="v9")


@pytest.mark.parametrize(
    ("lacks", "why"),
    [({"canaries": ()}, "no canaries"), ({"verdict": None}, "no verdict"), ({"decision": Decision.HOLD}, "HOLD")],
)
def test_a_version_that_could_not_be_checked_or_was_not_judged_better_is_refused(published, lacks, why):
    with pytest.raises(Refused, match=why):
        check(published(**lacks))


def test_a_version_that_was_held_may_not_serve_whatever_champion_its_run_names(published):
    with pytest.raises(Refused, match="promote v1 --force"):
        check(published(Decision.HOLD), champion=f"{HERE}:v0@{DIGEST}")


def test_what_the_registry_has_under_the_digest_and_is_no_version_is_refused(published):
    class Foreign(Kept):
        def get(self, version):
            raise Corrupt("it is version v7 under another name")

    with pytest.raises(Refused, match="under another name"):
        Origin(Foreign(published()), VERIFICATION, lambda: TEMPLATE).check(
            Run(id="run-1", projects=(1,), version="v1", reference=f"{HERE}:v1@{DIGEST}"), TEMPLATE
        )


@pytest.mark.parametrize(
    "job",
    [
        changed(image="evil.example.com/spanloop:0.2.0"),
        changed(command=["sh", "-c", "true"]),
        changed({"serviceAccountName": "default"}),
    ],
)
def test_a_job_that_runs_something_else_is_none_of_the_release(published, job):
    with pytest.raises(Refused, match=r"the Job loop-run-1 is none of this release.*create job --from=cronjob"):
        check(published(), job=job)


def test_a_job_may_outlive_an_upgrade_and_be_changed_by_hand(published):
    check(
        published(), job=changed(image="reg.example.com:5000/spanloop:0.1.0@sha256:1", args=["run", "--project", "7"])
    )


def test_without_a_registry_nothing_is_rolled_out():
    with pytest.raises(Refused, match=r"no registry: set registry\.url"):
        Origin(None, VERIFICATION, lambda: TEMPLATE).check(Run(id="run-1", projects=(1,)), TEMPLATE)


def test_a_registry_that_does_not_answer_refuses_nothing(published):
    class Away(Kept):
        def get(self, version):
            raise RegistryError("it is away")

    with pytest.raises(RegistryError):
        Origin(Away(published()), VERIFICATION, lambda: TEMPLATE).check(
            Run(id="run-1", projects=(1,), version="v1", reference=f"{HERE}:v1@{DIGEST}"), TEMPLATE
        )
