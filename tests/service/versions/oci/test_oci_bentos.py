"""Versions pushed from one local store and pulled into another, through Debian's docker-registry."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import yaml
from oci_proxy import corrupt_answer, cut_answer, cut_request, lose_answer, status
from oci_stores import content, left_in

from service.model.learnt import BASE_WEIGHTS
from service.versions import judgement
from service.versions import lineage as lineages
from service.versions.oci.errors import RegistryError
from service.versions.oci.layers import LayerError
from service.versions.oci.manifest import (
    CODE_LAYER,
    DESCRIPTION_LAYER,
    LINEAGE_CONFIG,
    MODEL_LAYER,
    Descriptor,
    Manifest,
    digest_of,
)
from service.versions.reference import Reference
from service.versions.store import UnknownVersion

ROOT = Path(__file__).parents[4]


def test_a_pulled_version_is_the_pushed_one_file_by_file(bentos, open_registry, store, other_store, put):
    made = put(store, "v1")
    here = bentos(open_registry)
    digest = here.push(store, "v1")
    assert here.pull(f"v1@{digest}", other_store) == made
    for part in ("bentos/spanloop/v1", "models/spanloop-model/v1"):
        assert content(other_store.home / part) == content(store.home / part)
    assert other_store.get("v1") == made
    assert other_store.versions() == [made]
    assert left_in(other_store.home) == ["bentos", "models"]
    assert left_in(store.home) == ["bentos", "models"]


def test_a_version_that_has_its_bases_weights_too_is_pulled_whole(bentos, open_registry, store, other_store, put):
    put(store, "v1")
    (store.home / "models/spanloop-model/v1" / BASE_WEIGHTS).write_bytes(b"base" * 1000)
    here = bentos(open_registry)
    here.push(store, "v1")
    here.pull("v1", other_store)
    assert content(other_store.home / "models") == content(store.home / "models")


def test_what_is_pushed_is_an_artefact_with_its_parts_in_layers_of_their_own(bentos, client, open_registry, store, put):
    made = put(store, "v1", projects=(3, 5))
    digest = bentos(open_registry).push(store, "v1")
    raw, found = client(open_registry).manifest("v1")
    manifest = Manifest.model_validate_json(raw)
    assert found == digest == digest_of(raw)
    assert manifest.artifact_type == "application/vnd.spanloop.bento.v1"
    assert [layer.media_type for layer in manifest.layers] == [DESCRIPTION_LAYER, CODE_LAYER, MODEL_LAYER]
    assert manifest.annotations["dev.spanloop.projects"] == "3,5"
    assert manifest.annotations["dev.spanloop.f1.new"] == "0.7500"
    assert client(open_registry).read_blob(manifest.config) == made.model_dump_json(indent=1).encode()
    names = {}
    for layer in manifest.layers:
        with tarfile.open(fileobj=io.BytesIO(client(open_registry).read_blob(layer))) as archive:
            names[layer.media_type] = {member.name for member in archive if member.isfile()}
    assert names == {
        DESCRIPTION_LAYER: {
            "bentos/spanloop/v1/README.md",
            "bentos/spanloop/v1/bento.yaml",
            "bentos/spanloop/v1/env/docker/entrypoint.sh",
            "bentos/spanloop/v1/src/bentofile.yaml",
            "bentos/spanloop/v1/src/lineage.json",
            "models/spanloop-model/v1/lineage.json",
            "models/spanloop-model/v1/model.yaml",
        },
        CODE_LAYER: {"requirements.txt", "service/main.py"},
        MODEL_LAYER: {"gliner_config.json", "model.safetensors", "tokenizer/vocab.txt"},
    }


def test_unchanged_code_and_weights_are_never_sent_again(bentos, proxy, store, put):
    weights = b"the very same weights" * 10_000
    put(store, "v1", weights)
    put(store, "v2", weights, run="another")
    put(store, "v3", weights, code="changed")
    here = bentos(proxy.host)
    here.push(store, "v1")
    uploads, proxy.received = proxy.count("PUT", "/blobs/"), 0
    here.push(store, "v2")
    assert proxy.count("PUT", "/blobs/") == uploads + 2  # the description and the lineage
    assert proxy.received < 50_000 < len(weights)
    here.push(store, "v3")
    assert proxy.count("PUT", "/blobs/") == uploads + 5  # the code as well


def test_pushing_again_does_nothing_and_other_content_under_the_name_is_refused(bentos, proxy, store, other_store, put):
    put(store, "v1")
    put(other_store, "v1", b"other weights")
    here = bentos(proxy.host)
    digest = here.push(store, "v1")
    proxy.asked.clear()
    assert here.push(store, "v1") == digest
    assert {method for method, _ in proxy.asked} == {"GET"}
    with pytest.raises(RegistryError, match=r"has a version v1 with other content .*left as it is\. Delete it first"):
        here.push(other_store, "v1")
    assert {method for method, _ in proxy.asked} == {"GET"}
    assert here.get("v1").digest == digest


def test_a_version_that_the_local_store_has_not_is_not_pushed(bentos, open_registry, store):
    with pytest.raises(UnknownVersion):
        bentos(open_registry).push(store, "v1")


def test_a_bento_with_a_link_is_refused_before_anything_is_sent(bentos, proxy, store, put):
    put(store, "v1")
    (store.home / "bentos/spanloop/v1/src/link").symlink_to("/etc/passwd")
    with pytest.raises(LayerError, match="link"):
        bentos(proxy.host).push(store, "v1")
    assert proxy.asked == []


@pytest.mark.parametrize("fault", [cut_request, status(500)])
@pytest.mark.parametrize(("method", "part"), [("PUT", "/blobs/"), ("PUT", "/manifests/"), ("POST", "/blobs/")])
def test_a_push_given_up_halfway_shows_no_version_and_leaves_nothing_here(
    bentos, proxy, open_registry, store, put, method, part, fault
):
    put(store, "v1")
    proxy.fail(method, part, fault, times=1000)
    with pytest.raises(RegistryError, match="failed"):
        bentos(proxy.host, limits={"deadline": 5}).push(store, "v1")
    here = bentos(open_registry)
    assert here.versions() == []
    with pytest.raises(UnknownVersion):
        here.get("v1")
    assert left_in(store.home) == ["bentos", "models"]
    proxy.faults.clear()
    digest = here.push(store, "v1")
    assert here.get("v1").digest == digest


def test_a_push_through_every_kind_of_failure_arrives(bentos, proxy, store, other_store, put, pauses):
    made = put(store, "v1")
    for fault in (status(503), cut_request, lose_answer, status(429, Retry_After="1")):
        for method, part in (("POST", "/blobs/"), ("PUT", "/blobs/"), ("PUT", "/manifests/"), ("GET", "/manifests/")):
            proxy.fail(method, part, fault)
    here = bentos(proxy.host)
    here.push(store, "v1")
    for fault in (status(503), cut_answer, lose_answer):
        for part in ("/blobs/", "/manifests/"):
            proxy.fail("GET", part, fault)
    assert here.pull("v1", other_store) == made
    assert not proxy.faults
    assert len(pauses.taken) >= 20


def pulls(here, store, folder):
    """Both ways to pull."""
    return [lambda: here.pull("v1", store), lambda: here.pull_model("v1", folder)]


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("fault", [corrupt_answer, cut_answer, status(500)])
def test_a_pull_that_fails_leaves_nothing_on_disk(
    bentos, proxy, open_registry, store, other_store, put, tmp_path, way, fault
):
    put(store, "v1")
    bentos(open_registry).push(store, "v1")
    here = bentos(proxy.host, limits={"deadline": 5})
    here.get("v1")
    (tmp_path / "pulled").mkdir()
    pull = pulls(here, other_store, tmp_path / "pulled" / "model")[way]
    proxy.fail("GET", "/blobs/", lambda proxy, exchange: proxy.forward(exchange))  # the first blob comes as it is
    proxy.fail("GET", "/blobs/", fault, times=1000)
    with pytest.raises(RegistryError, match=r"the download of sha256:\w+ failed"):
        pull()
    assert left_in(other_store.home) == []
    assert left_in(tmp_path / "pulled") == []
    assert other_store.versions() == []
    proxy.faults.clear()
    assert pull().version == "v1"


def test_pulling_again_does_nothing_and_other_content_here_is_an_error(bentos, proxy, store, other_store, put):
    put(store, "v1")
    here = bentos(proxy.host)
    here.push(store, "v1")
    here.pull("v1", other_store)
    before = content(other_store.home)
    proxy.asked.clear()
    here.pull("v1", other_store)
    assert proxy.count("GET", "/blobs/") <= 1  # the lineage
    put(other_store, "v1", run="another")
    with pytest.raises(RegistryError, match="is there already and holds something else"):
        here.pull("v1", other_store)
    assert other_store.get("v1").run == "another"
    assert before.keys() == content(other_store.home).keys()


def test_what_a_killed_pull_left_is_replaced(bentos, open_registry, store, other_store, put):
    made = put(store, "v1")
    here = bentos(open_registry)
    here.push(store, "v1")
    put(other_store, "v1", b"half")
    (other_store.home / "bentos/spanloop/v1/complete").unlink()
    (other_store.home / ".pull").mkdir()
    (other_store.home / ".pull" / "layer.tar").write_bytes(b"half")
    assert here.pull("v1", other_store) == made
    assert content(other_store.home / "models") == content(store.home / "models")
    assert left_in(other_store.home) == ["bentos", "models"]


def test_a_model_alone_is_pulled_without_the_code(bentos, client, proxy, store, put, tmp_path):
    made = put(store, "v1")
    here = bentos(proxy.host)
    digest = here.push(store, "v1")
    code = Manifest.model_validate_json(client(proxy.host).manifest("v1")[0]).of(CODE_LAYER)[0].digest
    folder = tmp_path / "cache" / "model"
    assert here.pull_model(str(here.get("v1").reference), folder) == made
    assert content(folder) == content(store.fetch("v1"))
    assert lineages.read(folder) == made
    assert proxy.count("GET", f"/blobs/{code}") == 0
    assert left_in(folder.parent) == ["model"]
    proxy.asked.clear()
    assert here.pull_model(Reference("v1", digest), folder) == made
    assert proxy.count("GET", "/blobs/") <= 1  # the lineage


def test_a_model_is_not_pulled_over_something_else(bentos, open_registry, store, put, tmp_path):
    put(store, "v1")
    here = bentos(open_registry)
    here.push(store, "v1")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "precious").touch()
    with pytest.raises(RegistryError, match="holds something else"):
        here.pull_model("v1", tmp_path / "model")
    assert left_in(tmp_path / "model") == ["precious"]
    (tmp_path / "model" / "precious").unlink()
    assert here.pull_model("v1", tmp_path / "model").version == "v1"


def test_a_digest_pins_the_content_even_if_its_tag_was_moved(bentos, client, open_registry, store, other_store, put):
    put(store, "v1", run="first")
    put(other_store, "v1", run="second")
    here = bentos(open_registry)
    first = here.push(store, "v1")
    first_raw, _ = client(open_registry).manifest("v1")
    client(open_registry).put_manifest("other-tag", first_raw)
    manifest = Manifest.model_validate_json(first_raw)
    config = other_store.fetch("v1").joinpath(lineages.FILE).read_bytes()
    described = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(config), size=len(config))
    client(open_registry).push_blob(described, config)
    client(open_registry).put_manifest(
        "v1", manifest.model_copy(update={"config": described}).model_dump_json(by_alias=True).encode()
    )
    assert here.get("v1").lineage.run == "second"
    assert here.get(f"v1@{first}").lineage.run == "first"


def test_a_digest_of_another_version_than_the_one_named_is_an_error(bentos, open_registry, store, other_store, put):
    put(store, "v1")
    here = bentos(open_registry)
    digest = here.push(store, "v1")
    with pytest.raises(RegistryError, match="it is version v1 under another name"):
        here.pull(f"v2@{digest}", other_store)
    assert left_in(other_store.home) == []


def test_a_reference_into_another_repository_is_not_looked_for_here(bentos, open_registry):
    with pytest.raises(RegistryError, match=r"other\.example\.com/a:v1 is in another repository.*SPANLOOP_REGISTRY"):
        bentos(open_registry).get("other.example.com/a:v1")


def test_a_version_that_is_not_there_is_unknown(bentos, open_registry, other_store, tmp_path):
    here = bentos(open_registry)
    assert here.versions() == []
    for ask in (here.get, here.delete, lambda one: here.pull(one, other_store)):
        with pytest.raises(UnknownVersion, match=r"no version 'v1'.*lists them"):
            ask("v1")
    with pytest.raises(UnknownVersion):
        here.pull_model("v1", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_that_several_bentos_share_is_pulled_once_and_never_replaced(
    bentos, open_registry, store, other_store, put
):
    for version in ("v1", "v2"):
        put(store, version)
        described = store.home / f"bentos/spanloop/{version}/bento.yaml"
        bento = yaml.safe_load(described.read_text())
        bento["services"] = [{"models": [{"tag": "encoder:e1"}]}]
        described.write_text(yaml.safe_dump(bento))
    encoder = Path("models/encoder/e1/weights")
    (store.home / encoder).parent.mkdir(parents=True)
    (store.home / encoder).write_text("shared")
    here = bentos(open_registry)
    here.push(store, "v1")
    here.push(store, "v2")
    here.pull("v1", other_store)
    before = (other_store.home / encoder).stat().st_ino
    here.pull("v2", other_store)
    assert (other_store.home / encoder).read_text() == "shared"
    assert (other_store.home / encoder).stat().st_ino == before


def test_the_report_of_a_version_is_read_from_the_registry(bentos, open_registry, store, put):
    put(store, "v1")
    put(store, "v2")
    (store.fetch("v1") / lineages.REPORT_FILE).write_text("<!doctype html>")
    here = bentos(open_registry)
    for version in ("v1", "v2"):
        here.push(store, version)
    assert here.document("v1", lineages.REPORT_FILE) == b"<!doctype html>"
    with pytest.raises(UnknownVersion, match=r"v2 has no report\.html"):
        here.document("v2", lineages.REPORT_FILE)
    with pytest.raises(UnknownVersion):
        here.document("v3", lineages.REPORT_FILE)


def test_the_verdict_of_a_version_is_read_from_the_registry_and_is_pulled_with_it(
    bentos, open_registry, store, put, other_store
):
    put(store, "v1")
    (store.fetch("v1") / judgement.FILE).write_text('{"format": 1}')
    here = bentos(open_registry)
    here.push(store, "v1")
    assert here.document("v1", judgement.FILE) == b'{"format": 1}'
    here.pull("v1", other_store)
    assert other_store.document("v1", judgement.FILE) == b'{"format": 1}'


def test_versions_that_differ_in_their_report_alone_share_their_weights(bentos, client, open_registry, store, put):
    here, weights = bentos(open_registry), []
    for version in ("v1", "v2"):
        put(store, version)
        (store.fetch(version) / lineages.REPORT_FILE).write_text(f"the report of {version}")
        here.push(store, version)
        manifest = Manifest.model_validate_json(client(open_registry).manifest(version)[0])
        weights += [layer.digest for layer in manifest.of(MODEL_LAYER)]
    assert len(weights) == 2
    assert len(set(weights)) == 1


def test_a_version_without_its_weights_is_not_pulled(bentos, client, open_registry, store, other_store, put):
    put(store, "v1")
    here = bentos(open_registry)
    here.push(store, "v1")
    raw, _ = client(open_registry).manifest("v1")
    manifest = json.loads(raw)
    manifest["layers"] = [layer for layer in manifest["layers"] if layer["mediaType"] != MODEL_LAYER]
    client(open_registry).put_manifest("v1", json.dumps(manifest).encode())
    with pytest.raises(RegistryError, match="no layer with its own weights"):
        here.pull("v1", other_store)
    with pytest.raises(RegistryError, match="no layer with its own weights"):
        here.pull_model("v1", other_store.home / "model")
    assert other_store.versions() == []
