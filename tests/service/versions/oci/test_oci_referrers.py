"""A version's SBOM in a registry: other tools find it by the version's digest, and it goes with the version."""

from __future__ import annotations

import json

import httpx
import pytest
from oci_proxy import answered, status

from service.versions import sbom
from service.versions.oci.manifest import OCI_INDEX, OCI_MANIFEST, Referrer, digest_of, index
from service.versions.signature import signing
from tests.support.signing_keys import key_pair

DOCUMENT = b'{"bomFormat": "CycloneDX"}'


@pytest.fixture
def materials(put, store):
    """Lay out a version with an SBOM."""

    def make(version):
        put(store, version)
        (store.fetch(version) / sbom.FILE).write_bytes(DOCUMENT)

    return make


class Tool:
    """What another tool does that knows the specification, and nothing of Spanloop."""

    def __init__(self, host, name):
        self.url = f"http://{host}/v2/{name}"

    def manifest(self, reference):
        return httpx.get(f"{self.url}/manifests/{reference}", headers={"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"})

    def put(self, reference, raw, kind):
        assert httpx.put(f"{self.url}/manifests/{reference}", content=raw, headers={"Content-Type": kind}).is_success

    def index(self, digest):
        """The list of what refers to a manifest, in a registry without an API for it; None if there is none."""
        found = self.manifest(digest.replace(":", "-"))
        return found.json()["manifests"] if found.is_success else None

    def documents(self, digest):
        found = []
        for one in self.index(digest):
            manifest = self.manifest(one["digest"]).json()
            assert manifest["subject"]["digest"] == digest
            (layer,) = manifest["layers"]
            found.append((one["artifactType"], layer["mediaType"], self.blob(layer["digest"])))
        return found

    def blob(self, digest):
        return httpx.get(f"{self.url}/blobs/{digest}").content


@pytest.fixture
def tool(open_registry, name):
    return Tool(open_registry, name)


def test_a_tool_finds_the_sbom_by_the_digest_of_the_version(bentos, open_registry, store, materials, tool):
    materials("v1")
    digest = bentos(open_registry).push(store, "v1")
    assert tool.documents(digest) == [("application/vnd.cyclonedx+json", "application/vnd.cyclonedx+json", DOCUMENT)]
    assert bentos(open_registry).document("v1", sbom.FILE) == DOCUMENT


def test_what_refers_to_a_version_is_no_version_and_is_not_told(bentos, open_registry, store, materials, service_log):
    materials("v1")
    here = bentos(open_registry)
    here.push(store, "v1")
    service_log.clear()
    assert [one.version for one in here.versions()] == ["v1"]
    assert service_log == []


def test_a_version_that_is_deleted_or_pruned_takes_its_sbom_along(bentos, open_registry, store, materials, tool):
    here, made = bentos(open_registry), {}
    for version in ("v1", "v2", "v3"):
        materials(version)
        made[version] = here.push(store, version)
    (document,) = tool.index(made["v1"])
    here.delete("v1")
    assert tool.index(made["v1"]) is None
    assert tool.manifest(document["digest"]).status_code == 404
    here.prune(0, [f"{here.repository}:v3"])
    assert tool.index(made["v2"]) is None
    assert len(tool.index(made["v3"])) == 1


def test_what_others_have_attached_stays(bentos, open_registry, store, materials, tool):
    materials("v1")
    here = bentos(open_registry)
    digest = here.push(store, "v1")
    (own,) = tool.index(digest)
    raw = json.dumps({**tool.manifest(own["digest"]).json(), "artifactType": "application/other"}).encode()
    other = {**own, "artifactType": "application/other", "digest": digest_of(raw), "size": len(raw), "platform": {}}
    tool.put(other["digest"], raw, OCI_MANIFEST)
    listed = index([Referrer.model_validate(own), Referrer.model_validate(other)])
    tool.put(digest.replace(":", "-"), listed, OCI_INDEX)
    here.delete("v1")
    assert tool.index(digest) == [other]


def test_a_version_that_is_signed_later_keeps_one_sbom(bentos, open_registry, store, materials, tool, tmp_path):
    materials("v1")
    here = bentos(open_registry)
    before = here.push(store, "v1")
    store.sign("v1", signing(key_pair(tmp_path, "release").private))
    after = here.replace(store, "v1")
    assert tool.index(before) is None
    assert len(tool.index(after)) == 1


def test_a_registry_with_an_api_for_it_gets_no_tag_for_it(bentos, proxy, store, materials, tool):
    materials("v1")
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    proxy.fail("GET", "/referrers/", answered(empty))
    here = bentos(proxy.host)
    digest = here.push(store, "v1")
    assert tool.index(digest) is None
    (put,) = [path for method, path in proxy.asked if method == "PUT" and "/manifests/sha256:" in path]
    made = {"mediaType": OCI_MANIFEST, "digest": put.rpartition("/")[2], "size": 1, "artifactType": sbom.MEDIA_TYPE}
    assert tool.manifest(made["digest"]).json()["subject"]["digest"] == digest
    proxy.fail("GET", "/referrers/", answered(json.dumps({"manifests": [made]}).encode()))
    here.delete("v1")
    assert tool.manifest(made["digest"]).status_code == 404


def test_a_registry_that_takes_no_sbom_is_told_and_the_version_is_published(
    bentos, proxy, store, materials, service_log
):
    materials("v1")
    proxy.fail("PUT", "/manifests/sha256:", status(400))
    here = bentos(proxy.host)
    here.push(store, "v1")
    assert [line for line in service_log if "the SBOM is in the version alone" in line]
    assert here.document("v1", sbom.FILE) == DOCUMENT


def test_a_version_without_an_sbom_has_nothing_attached(bentos, open_registry, store, put, tool):
    put(store, "v1")
    here = bentos(open_registry)
    digest = here.push(store, "v1")
    assert tool.index(digest) is None
    here.delete("v1")
    assert here.versions() == []
