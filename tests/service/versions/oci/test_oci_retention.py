"""Which versions a registry shows, and which of them may go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from oci_proxy import corrupt_answer, status

from service.versions.oci.errors import RegistryError, Unsupported
from service.versions.oci.manifest import LINEAGE_CONFIG, OCI_MANIFEST, Descriptor, Manifest, digest_of


@pytest.fixture
def five(bentos, open_registry, store, put):
    """Five versions, v5 the newest, pushed in another order than they were made."""
    here = bentos(open_registry)
    for day in (3, 1, 5, 2, 4):
        put(store, f"v{day}", created=datetime(2026, 1, day, tzinfo=UTC))
        here.push(store, f"v{day}")
    return here


def names(published):
    return [one.version for one in published]


def put_foreign(client, tag):
    client.push_blob(Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(b"{}"), size=2), b"{}")
    config = Descriptor(media_type="application/vnd.oci.image.config.v1+json", digest=digest_of(b"{}"), size=2)
    image = Manifest(config=config, layers=(), artifact_type="application/vnd.other", media_type=OCI_MANIFEST)
    client.put_manifest(tag, image.model_dump_json(by_alias=True).encode())


def test_versions_come_newest_first_with_what_was_known_of_them(five, store):
    found = five.versions()
    assert names(found) == ["v5", "v4", "v3", "v2", "v1"]
    assert [one.lineage for one in found] == [store.get(one.version) for one in found]
    assert found[0] == five.get("v5") == five.get(str(found[0].reference))


def test_a_lineage_is_fetched_once(bentos, proxy, five):
    here = bentos(proxy.host)
    assert here.versions() == here.versions()
    assert proxy.count("GET", "/blobs/") == 5


def test_foreign_and_unreadable_tags_hide_no_version(client, bentos, proxy, five, service_log):
    put_foreign(client(proxy.host), "latest")
    client(proxy.host).put_manifest("stable", client(proxy.host).manifest("v3")[0])
    proxy.fail("GET", "/manifests/v4", corrupt_answer)
    assert names(bentos(proxy.host).versions()) == ["v5", "v3", "v2", "v1"]
    passed = [line for line in service_log if "is skipped" in line]
    assert ["latest" in line and "not a Bento" in line for line in passed].count(True) == 1
    assert ["stable" in line and "v3 under another name" in line for line in passed].count(True) == 1
    assert ["v4" in line and "digest" in line for line in passed].count(True) == 1


def test_a_registry_that_fails_is_not_taken_for_one_without_versions(bentos, proxy, five):
    proxy.fail("GET", "/manifests/v4", status(500), times=1000)
    with pytest.raises(RegistryError, match="answered 500"):
        bentos(proxy.host, limits={"deadline": 5}).versions()


def test_a_tag_deleted_while_versions_are_listed_is_no_error(bentos, proxy, five, service_log):
    proxy.fail("GET", "/manifests/v4", status(404))
    assert names(bentos(proxy.host).versions()) == ["v5", "v3", "v2", "v1"]
    assert not [line for line in service_log if "is skipped" in line]


def test_a_deleted_version_is_gone_and_no_other(five):
    five.delete("v3")
    assert names(five.versions()) == ["v5", "v4", "v2", "v1"]


def test_a_version_whose_manifest_another_tag_names_is_not_deleted_where_that_would_take_the_tag(client, five, proxy):
    client(proxy.host).put_manifest("stable", client(proxy.host).manifest("v3")[0])
    with pytest.raises(Unsupported, match=r"v3 has the same content as stable.*Nothing was deleted"):
        five.delete("v3")
    assert "v3" in names(five.versions())
    assert "stable" in client(proxy.host).tags()


def test_only_its_own_tag_is_deleted_where_the_registry_can(client, bentos, five, proxy):
    client(proxy.host).put_manifest("stable", client(proxy.host).manifest("v3")[0])
    proxy.fail("DELETE", "/manifests/v3", status(202))
    bentos(proxy.host).delete("v3")
    assert proxy.count("DELETE", "/manifests/") == 1


def test_all_but_the_newest_are_pruned(five):
    assert names(five.prune(2, in_use=set())) == ["v3", "v2", "v1"]
    assert names(five.versions()) == ["v5", "v4"]
    assert five.prune(2, in_use=set()) == []


@pytest.mark.parametrize("form", ["version", "pinned", "reference"])
def test_live_versions_are_never_pruned_however_they_are_named(five, form):
    found = five.get("v2")
    named = {"version": "v2", "pinned": f"v2@{found.digest}", "reference": str(found.reference)}[form]
    assert names(five.prune(1, in_use={named, ""})) == ["v4", "v3", "v1"]
    assert names(five.versions()) == ["v5", "v2"]
    assert five.get("v2").digest == found.digest


def test_what_is_live_by_its_digest_alone_is_never_pruned(five):
    """The tag may have another name than the version that is live, as after a copy between repositories."""
    digest = five.get("v2").digest
    assert names(five.prune(0, in_use={f"copied@{digest}"})) == ["v5", "v4", "v3", "v1"]
    assert names(five.versions()) == ["v2"]


@pytest.mark.parametrize("live", [set(), {"stable"}])
def test_what_another_tag_names_too_is_never_pruned(client, five, open_registry, live, service_log):
    here = client(open_registry)
    here.put_manifest("stable", here.manifest("v2")[0])
    assert names(five.prune(0, live)) == ["v5", "v4", "v3", "v1"]
    assert sorted(here.tags()) == ["stable", "v2"]
    assert any("v2 is kept: it has the tag stable too" in line for line in service_log)


def test_foreign_tags_are_never_pruned(client, five, open_registry):
    put_foreign(client(open_registry), "latest")
    assert len(five.prune(0, in_use=set())) == 5
    assert client(open_registry).tags() == ["latest"]


@pytest.mark.parametrize(("keep", "live"), [(-1, set()), (0, {"no/version"})])
def test_nonsense_deletes_nothing(five, keep, live):
    with pytest.raises(ValueError, match=r"no version|cannot be kept"):
        five.prune(keep, live)
    assert len(five.versions()) == 5
