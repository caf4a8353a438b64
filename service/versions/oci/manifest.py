"""The manifest of a version: its layers, and annotations that describe it. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.versions.lineage import Lineage

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
ARTEFACT_TYPE = "application/vnd.spanloop.bento.v1"
LINEAGE_CONFIG = "application/vnd.spanloop.lineage.v1+json"
DESCRIPTION_LAYER = "application/vnd.spanloop.bento.description.v1.tar"
"""The files of the Bento and of its models that name the version: small, and different in every version."""
CODE_LAYER = "application/vnd.spanloop.bento.code.v1.tar"
MODEL_LAYER = "application/vnd.spanloop.bento.model.v1.tar"

MODEL_TAG_ANNOTATION = "dev.spanloop.model"
"""Annotation of a model's layer: NAME:VERSION in BentoML's store."""
TITLE_ANNOTATION = "org.opencontainers.image.title"


class Foreign(ValueError):
    """The tag or manifest is no version, but other content in the same repository."""


class Descriptor(BaseModel):
    """A blob's digest, size in bytes, media type and annotations."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    media_type: str = Field(alias="mediaType")
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]
    annotations: dict[str, str] = {}


class Referrer(Descriptor):
    """The manifest of a document that refers to another manifest, as lists of them name it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="allow")

    artifact_type: str = Field("", alias="artifactType")


EMPTY_CONTENT = b"{}"
EMPTY = Descriptor(
    media_type="application/vnd.oci.empty.v1+json",
    digest=f"sha256:{hashlib.sha256(EMPTY_CONTENT).hexdigest()}",
    size=len(EMPTY_CONTENT),
)
"""The config of a manifest that needs none."""


class Manifest(BaseModel):
    """The manifest of an artefact, by the OCI image specification 1.1."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_version: int = Field(2, alias="schemaVersion")
    media_type: str = Field(OCI_MANIFEST, alias="mediaType")
    artifact_type: str = Field(ARTEFACT_TYPE, alias="artifactType")
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}

    def of(self, media_type: str) -> list[Descriptor]:
        """The layers of a media type."""
        return [layer for layer in self.layers if layer.media_type == media_type]


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def make(lineage: Lineage, config: Descriptor, layers: list[Descriptor]) -> bytes:
    """The manifest of a version, byte for byte the same for the same content."""
    manifest = Manifest(config=config, layers=tuple(layers), annotations=annotations_of(lineage))
    content = manifest.model_dump(by_alias=True)
    for blob in (content["config"], *content["layers"]):
        if not blob["annotations"]:
            del blob["annotations"]
    return _json(content)


def referring(subject: Descriptor, artifact_type: str, document: Descriptor) -> bytes:
    """The manifest of a document that refers to another manifest, the subject."""
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _described(EMPTY),
        "layers": [_described(document)],
        "subject": _described(subject),
    }
    return _json(content)


def index(referrers: Sequence[Referrer]) -> bytes:
    """A list of documents that refer to a manifest."""
    return _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_described(one) for one in referrers]})


def referrers_in(content: Any) -> list[Referrer]:
    """What a list of referrers names; nothing for what is no such list."""
    try:
        return [Referrer.model_validate(one) for one in content["manifests"]]
    except (ValidationError, TypeError, KeyError):
        return []


def _described(blob: Descriptor) -> dict[str, Any]:
    return blob.model_dump(by_alias=True, exclude_defaults=True)


def _json(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def parse(raw: bytes) -> Manifest:
    """The manifest of a version. Raises Foreign for anything else."""
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Foreign("what it names is no JSON, or nests too deep") from error
    kind = content.get("artifactType") if isinstance(content, dict) else None
    if kind != ARTEFACT_TYPE:
        raise Foreign(f"what it names is not a Bento of Spanloop ({ARTEFACT_TYPE}) but {kind or 'something else'}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, detail["loc"])) for detail in error.errors()}))
        raise Foreign(f"its manifest is malformed ({fields})") from error
    if manifest.config.media_type != LINEAGE_CONFIG:
        raise Foreign(f"its config is not a lineage ({LINEAGE_CONFIG}) but {manifest.config.media_type}")
    return manifest


def annotations_of(lineage: Lineage) -> dict[str, str]:
    """The annotations that describe a version to a reader of the registry."""
    return {
        TITLE_ANNOTATION: "spanloop",
        "org.opencontainers.image.version": lineage.version,
        "org.opencontainers.image.created": lineage.created.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "dev.spanloop.base": lineage.base,
        "dev.spanloop.better": str(lineage.better).lower(),
        "dev.spanloop.champion": lineage.champion,
        "dev.spanloop.data.digest": lineage.digest,
        "dev.spanloop.projects": ",".join(map(str, lineage.projects)),
        "dev.spanloop.run": lineage.run,
        **{f"dev.spanloop.f1.{name}": f"{score.f1:.4f}" for name, score in sorted(lineage.scores.items())},
    }
