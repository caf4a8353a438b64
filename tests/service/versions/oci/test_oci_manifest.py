from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from service.versions.oci import manifest as manifests
from service.versions.oci.manifest import (
    ARTEFACT_TYPE,
    CODE_LAYER,
    LINEAGE_CONFIG,
    MODEL_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Foreign,
    digest_of,
)

CONFIG = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(b"{}"), size=2)
LAYERS = [
    Descriptor(media_type=CODE_LAYER, digest=digest_of(b"code"), size=4),
    Descriptor(media_type=MODEL_LAYER, digest=digest_of(b"model"), size=5, annotations={"dev.spanloop.model": "m:v1"}),
]


def test_the_manifest_of_a_version_is_exactly_this(lineage):
    made = lineage("v1", created=datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))), projects=(3, 5))
    assert json.loads(manifests.make(made, CONFIG, LAYERS)) == {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTEFACT_TYPE,
        "config": {"mediaType": LINEAGE_CONFIG, "digest": digest_of(b"{}"), "size": 2},
        "layers": [
            {"mediaType": CODE_LAYER, "digest": digest_of(b"code"), "size": 4},
            {
                "mediaType": MODEL_LAYER,
                "digest": digest_of(b"model"),
                "size": 5,
                "annotations": {"dev.spanloop.model": "m:v1"},
            },
        ],
        "annotations": {
            "org.opencontainers.image.title": "spanloop",
            "org.opencontainers.image.version": "v1",
            "org.opencontainers.image.created": "2026-01-01T23:00:00Z",
            "dev.spanloop.base": "tiny-123456",
            "dev.spanloop.better": "true",
            "dev.spanloop.champion": "tiny-123456",
            "dev.spanloop.data.digest": "digest of v1",
            "dev.spanloop.projects": "3,5",
            "dev.spanloop.run": "run-1",
            "dev.spanloop.f1.base": "0.5000",
            "dev.spanloop.f1.champion": "0.5000",
            "dev.spanloop.f1.new": "0.7500",
        },
    }


def test_it_reads_back_and_is_the_same_bytes_each_time(lineage):
    raw = manifests.make(lineage("v1"), CONFIG, LAYERS)
    assert raw == manifests.make(lineage("v1"), CONFIG, LAYERS)
    parsed = manifests.parse(raw)
    assert (parsed.config, parsed.of(MODEL_LAYER)) == (CONFIG, LAYERS[1:])


@pytest.mark.parametrize(
    "change",
    [
        {"artifactType": None},
        {"artifactType": "application/vnd.other"},
        {"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(b""), "size": 0}},
        {"config": {"mediaType": LINEAGE_CONFIG, "digest": "sha256:../../etc", "size": 0}},
        {"layers": [{"mediaType": MODEL_LAYER, "digest": digest_of(b""), "size": -1}]},
        {"layers": None},
    ],
)
def test_anything_else_is_foreign(lineage, change):
    content = {**json.loads(manifests.make(lineage("v1"), CONFIG, LAYERS)), **change}
    with pytest.raises(Foreign):
        manifests.parse(json.dumps(content).encode())


@pytest.mark.parametrize("raw", [b"", b"no json", b"[]", b"null", b"[" * 200_000])
def test_what_is_no_manifest_is_foreign(raw):
    with pytest.raises(Foreign):
        manifests.parse(raw)
