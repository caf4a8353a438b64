"""What fails while the loop runs on a cluster: pods, the registry, the backend, a version."""

from __future__ import annotations

import base64
import shutil

import pytest

from service.versions.lineage import Canary
from service.versions.oci.bentos import Bentos
from service.versions.signature import FILE, signing, unsigned
from service.versions.store import BentoStore
from tests.end_to_end.backend import until

from .load import load
from .runs import another_run, in_phase, log_of, pods_of

BACKEND = "app.kubernetes.io/component=backend"


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _calm(trained):
    """Each test begins with a release that has trained once."""


def test_a_training_pod_that_is_killed_is_resumed_where_it_was(release):
    run = another_run(release, seed=11, steps=400)
    until(lambda: in_phase(release, "tune")["percent"] >= 30, "a third of the tuning", 200)
    killed = running(release, run)
    release.kubectl("delete", "pod", killed, "--force", "--grace-period=0")
    job = release.ended()
    assert job["outcome"] in ("promoted", "held"), job
    (successor,) = pods_of(release, run).keys() - {killed}
    log = release.kubectl("logs", successor)
    assert "tuning goes on from step" in log, log


def test_a_registry_that_is_down_when_a_version_is_published_is_waited_for(release, registry):
    run = another_run(release, seed=12)
    in_phase(release, "tune")
    registry.stop()
    try:
        in_phase(release, "judge", "publish")
        until(lambda: "retried in" in log_of(release, run), "another attempt", 60)
    finally:
        registry.start()
    job = release.ended()
    assert job["outcome"] in ("promoted", "held"), job
    assert job["version"] in release.service("versions")
    assert len(pods_of(release, run)) == 1


def test_a_backend_that_is_killed_during_a_rollout_leaves_it_to_its_successor(release, trained):
    before = release.version
    release.service("rollback")
    release.kubectl("delete", "pod", "--selector", BACKEND, "--force", "--grace-period=0")
    until(lambda: release.answers and release.version != before, "the version before", 300)
    release.service("promote", before)
    release.kubectl("delete", "pod", "--selector", BACKEND, "--force", "--grace-period=0")
    until(lambda: release.answers and release.version == before, "the version again", 300)


def test_a_broken_version_that_is_promoted_by_hand_is_taken_back(release, tmp_path):
    good, version = release.reference, release.version
    release.upgrade(rolloutSeconds=45)
    release.until_version(version)
    release.service("promote", push_broken(release, tmp_path, signing(key_of(release, tmp_path))))
    with load(release) as seen:
        until(lambda: release.reference != good, "the broken version on the pods", 30)
        until(lambda: release.reference == good, "the good version again", 200)
        release.until_version(version)
    assert seen.failures == []
    assert set(seen.versions) == {version}


def test_a_run_that_is_cancelled_ends_with_its_pods_and_leaves_the_live_version(release):
    version = release.version
    run = another_run(release, seed=14, steps=400)
    in_phase(release, "tune")
    assert run in release.service("cancel")
    job = release.ended(60)
    assert (job["job"], job["outcome"]) == (run, "cancelled")
    until(lambda: "Running" not in pods_of(release, run).values(), "the end of the run's pod", 60)
    assert release.version == version


def test_a_version_that_the_release_has_not_signed_is_taken_back_at_once_and_the_history_says_why(release, tmp_path):
    good, version = release.reference, release.version
    release.service("promote", push_broken(release, tmp_path, unsigned))
    with load(release) as seen:
        until(lambda: "is not to be trusted" in str(release.extractor["metadata"]["annotations"]), "the refusal", 120)
        assert release.reference == good
        release.until_version(version)
    assert seen.failures == []
    assert set(seen.versions) == {version}


def test_a_release_that_is_installed_again_serves_the_version_that_it_served(release):
    version, reference = release.version, release.reference
    assert reference
    release.reinstall()
    until(lambda: release.reference == reference, "the version on the pods", 60)
    release.until_version(version)
    assert version in release.service("versions")


def key_of(release, folder):
    """The file of the private key by which the release's runs sign."""
    secret = release.get("secret", "loop-spanloop-signing")
    file = folder / "tls.key"
    file.write_bytes(base64.b64decode(secret["data"]["tls.key"]))
    return file


def push_broken(release, folder, sign):
    """Publish a copy of the live version that promises what it does not find."""
    bentos, store = Bentos.connect(release.registry, plain_http=True), BentoStore(folder)
    lineage = bentos.pull(release.version, store)
    wrong = Canary(text="there is nobody here", labels=("human",), threshold=0.5, spans=((0, 1, "human"),))
    broken = lineage.model_copy(update={"version": f"{lineage.version}-broken", "canaries": (wrong,)})
    model = store.fetch(lineage.version)
    left_out = shutil.ignore_patterns(FILE)
    store.publish(broken, lambda target: shutil.copytree(model, target, dirs_exist_ok=True, ignore=left_out), sign)
    bentos.push(store, broken.version)
    return broken.version


def running(release, run):
    """The name of the run's pod that is at work."""
    (name,) = [name for name, phase in pods_of(release, run).items() if phase == "Running"]
    return name
