"""Artefacts that no push of this program makes: of later formats, mixed up, or made to do harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from oci_stores import left_in

from service.versions import lineage as lineages
from service.versions.lineage import FORMAT, FormatError
from service.versions.oci import manifest as manifests
from service.versions.oci.errors import Corrupt
from service.versions.oci.layers import pack
from service.versions.oci.manifest import (
    CODE_LAYER,
    LINEAGE_CONFIG,
    MODEL_LAYER,
    MODEL_TAG_ANNOTATION,
    Descriptor,
    Manifest,
    digest_of,
)

ROOT = Path(__file__).parents[4]


def test_a_version_of_a_newer_format_is_refused_and_hides_no_other(
    bentos, client, open_registry, store, other_store, put, service_log
):
    put(store, "v1")
    here = bentos(open_registry)
    here.push(store, "v1")
    manifest = Manifest.model_validate_json(client(open_registry).manifest("v1")[0])
    newer = json.dumps({"format": FORMAT + 1, "version": "v2"}).encode()
    described = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(newer), size=len(newer))
    client(open_registry).push_blob(described, newer)
    client(open_registry).put_manifest(
        "v2", manifest.model_copy(update={"config": described}).model_dump_json(by_alias=True).encode()
    )
    for ask in (here.get, lambda one: here.pull(one, other_store)):
        with pytest.raises(FormatError, match=rf"{here.repository}:v2 has format {FORMAT + 1}.*upgrade Spanloop"):
            ask("v2")
    assert left_in(other_store.home) == []
    assert [one.version for one in here.versions()] == ["v1"]
    assert [one.version for one in here.versions()] == ["v1"]
    assert len([line for line in service_log if "the tag v2 is skipped" in line]) == 1


def test_an_artefact_whose_model_is_another_versions_is_not_installed(
    bentos, client, open_registry, store, other_store, put
):
    put(store, "v1", run="one")
    put(other_store, "v1", run="other")
    here = bentos(open_registry)
    here.push(store, "v1")
    raw = client(open_registry).manifest("v1")[0]
    manifest = Manifest.model_validate_json(raw)
    config = other_store.fetch("v1").joinpath(lineages.FILE).read_bytes()
    described = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(config), size=len(config))
    client(open_registry).push_blob(described, config)
    mixed = manifest.model_copy(update={"config": described}).model_dump_json(by_alias=True).encode()
    client(open_registry).put_manifest("v1", mixed)
    shutil.rmtree(other_store.home / "bentos")
    with pytest.raises(Corrupt, match="it lacks the version's own model"):
        here.pull("v1", other_store)
    assert not (other_store.home / "bentos").exists()


@pytest.fixture
def made_up(client, open_registry, store, put, tmp_path):
    """Publish version v1 with layers that no push makes: (kind, files by name, annotations)."""

    def make(*layers):
        put(store, "v1")
        here, described = client(open_registry), []
        for number, (kind, files, notes) in enumerate(layers):
            path = tmp_path / f"layer{number}"
            digest, size = pack(files, path)
            described.append(Descriptor(media_type=kind, digest=digest, size=size, annotations=notes))
            here.push_blob(described[-1], path)
        config = store.fetch("v1").joinpath(lineages.FILE).read_bytes()
        lineage = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(config), size=len(config))
        here.push_blob(lineage, config)
        here.put_manifest("v1", manifests.make(store.get("v1"), lineage, described))

    return make


@pytest.mark.parametrize("way", ["whole", "model"])
@pytest.mark.parametrize(
    ("kind", "annotations", "why"),
    [
        ("application/vnd.unknown", {}, "a layer of an unknown kind"),
        (MODEL_LAYER, {MODEL_TAG_ANNOTATION: "../../outside:v1"}, "is no name of a model"),
        (MODEL_LAYER, {MODEL_TAG_ANNOTATION: "spanloop-model:.."}, "is no name of a model"),
        (MODEL_LAYER, {}, "is no name of a model"),
        (MODEL_LAYER, {MODEL_TAG_ANNOTATION: "spanloop-model:v2"}, "it lacks the version's own model"),
        (CODE_LAYER, {}, "it lacks the version's own model"),
    ],
)
def test_an_artefact_that_no_push_makes_leaves_nothing(
    bentos, open_registry, made_up, store, other_store, tmp_path, kind, annotations, why, way
):
    made_up((kind, {"lineage.json": ROOT / "pyproject.toml"}, annotations))
    (tmp_path / "pulled").mkdir()
    with pytest.raises(Corrupt, match=rf"{why}|it lacks the version's own model"):
        here = bentos(open_registry)
        here.pull("v1", other_store) if way == "whole" else here.pull_model("v1", tmp_path / "pulled" / "model")
    assert left_in(other_store.home) == left_in(tmp_path / "pulled") == []


def test_a_model_without_a_bento_is_no_version(bentos, open_registry, made_up, store, other_store, put):
    put(store, "v1")
    lineage = store.fetch("v1") / lineages.FILE
    made_up((MODEL_LAYER, {lineages.FILE: lineage}, {MODEL_TAG_ANNOTATION: "spanloop-model:v1"}))
    with pytest.raises(Corrupt, match="it holds no Bento"):
        bentos(open_registry).pull("v1", other_store)
    assert left_in(other_store.home) == []
