"""Versions by hand on a cluster, against a small API server and a real registry."""

from __future__ import annotations

import pytest

from service.backend.cluster.line import ClusterLine
from service.backend.cluster.rollout import reference_of
from service.backend.line import ChangeRefused
from service.versions.history import Conflict
from service.versions.signature import signing
from tests.support.signing_keys import key_pair


@pytest.fixture
def release(settings_of_release, lay_out, bentos, store):
    """The release, with v1 and v2 published."""
    for version in ("v1", "v2"):
        lay_out(version)
        bentos.push(store, version)
    return ClusterLine(settings_of_release)


def test_a_version_is_rolled_back_to_the_one_before_and_to_the_initial_model(release, api):
    release.promote("v1")
    release.promote("v2")
    assert release.rollback() == "v1"
    assert release.live() == "v1"
    assert release.rollback() == ""
    assert reference_of(api.extractor) == ""


def test_a_live_version_that_was_signed_since_is_made_live_as_signed(release, api, bentos, store, tmp_path):
    release.promote("v1")
    with pytest.raises(ChangeRefused, match="is live already"):
        release.promote("v1")
    store.sign("v1", signing(key_pair(tmp_path, "release").private))
    bentos.replace(store, "v1")
    release.promote("v1")
    assert reference_of(api.extractor) == str(bentos.get("v1").reference)
    with pytest.raises(ChangeRefused, match="is live already"):
        release.promote("v1")


def test_nobody_goes_back_to_a_version_that_is_deleted(release, api, bentos):
    release.promote("v1")
    release.promote("v2")
    bentos.delete("v1")
    before = reference_of(api.extractor)
    with pytest.raises(ChangeRefused, match=r"before v2 was v1, and .* no longer has it.*v2 stays live.*promote"):
        release.rollback()
    assert reference_of(api.extractor) == before
    assert release.live() == "v2"


def test_the_initial_model_needs_no_registry(release, bentos):
    release.promote("v1")
    bentos.delete("v2")
    bentos.delete("v1")
    assert release.rollback() == ""


@pytest.fixture
def other(settings_of_release, release):
    """Another person who changes the same release."""
    return ClusterLine(settings_of_release)


def before_the_swap(release, monkeypatch, happens):
    """Let something happen between a rollback's look at what is live and its change of it."""
    checked = release._check_previous

    def meanwhile(previous, live):
        checked(previous, live)
        happens()

    monkeypatch.setattr(release, "_check_previous", meanwhile)


def test_a_rollback_does_not_leave_a_version_that_went_live_meanwhile(release, other, api, monkeypatch):
    release.promote("v1")
    release.promote("v2")
    before_the_swap(release, monkeypatch, lambda: other.promote("v1"))
    with pytest.raises(Conflict, match=r"live version is v1, not v2.*Nothing was done"):
        release.rollback()
    assert release.live() == "v1"
    assert ":v1@" in reference_of(api.extractor)


def test_a_rollback_goes_to_no_version_that_was_not_looked_for(release, other, api, monkeypatch):
    """The same version is live again, and another is before it: nobody has seen whether that one is still there."""
    release.promote("v1")
    release.promote("v2")

    def there_and_back():
        other.rollback()
        other.rollback()
        other.promote("v2")

    before_the_swap(release, monkeypatch, there_and_back)
    with pytest.raises(Conflict, match=r"before the live one is the initial model, not v1.*Nothing was done"):
        release.rollback()
    assert release.live() == "v2"
    assert ":v2@" in reference_of(api.extractor)


def test_old_versions_are_deleted_but_neither_the_live_one_nor_the_one_before_it(release, bentos):
    release.promote("v1")
    release.promote("v2")
    assert release.prune(0) == []
    release.rollback()
    assert release.prune(0) == ["v2"]
    assert [version.version for version in release.versions()] == ["v1"]


def test_what_was_decided_of_one_version_is_done_to_that_one_alone(release, api):
    release.promote("v1")
    release.promote("v2")
    with pytest.raises(Conflict, match=r"live version is v2, not v1.*Nothing was done"):
        release.give_up("v1", "people keep less of it")
    assert release.live() == "v2"
    assert release.give_up("v2", "people keep less of it") == "v1"
    assert "people keep less of it" in str(api.extractor)
