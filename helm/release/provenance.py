"""The provenance of a release: an in-toto statement with a predicate of SLSA (https://slsa.dev/spec/v1.0/provenance)."""

from __future__ import annotations

import json
from typing import Any

from helm.release.source import Source

MEDIA_TYPE = "application/vnd.in-toto+json"
BUILDER = "https://spanloop.dev/make-release"
"""The name of the builder, which is `make release` on a maintainer's machine. It is no page."""
BUILD_TYPE = f"{BUILDER}/v1"


def statement(source: Source, registry: str, subjects: dict[str, str]) -> bytes:
    """What was made from what. `subjects`: the digests of image and chart, by their repositories.

    It names no time and no machine: the same release has the same statement.
    """
    content = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": _sha256(digest)} for name, digest in subjects.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"registry": registry, "version": source.version, "base": source.base},
                "resolvedDependencies": _materials(source),
            },
            "runDetails": {"builder": {"id": BUILDER}},
        },
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def _materials(source: Source) -> list[dict[str, Any]]:
    name, _, digest = source.base.partition("@")
    return [
        {"name": "source", "digest": {"gitCommit": source.commit}},
        *({"name": lock, "digest": {"sha256": found}} for lock, found in source.locks.items()),
        {"name": "base", "uri": f"oci://{name}", "digest": _sha256(digest)},
    ]


def _sha256(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
