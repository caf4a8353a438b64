"""A tiny image in a folder, as the OCI image layout has it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

IMAGE = "application/vnd.oci.image"


def write(folder: Path, text: str) -> str:
    """Write an image with one file that has this text. Returns the digest of its manifest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        member = tarfile.TarInfo("text")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    diff = f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"
    rootfs = {"type": "layers", "diff_ids": [diff]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    content = {
        "schemaVersion": 2,
        "mediaType": f"{IMAGE}.manifest.v1+json",
        "config": _blob(folder, f"{IMAGE}.config.v1+json", _json(config)),
        "layers": [_blob(folder, f"{IMAGE}.layer.v1.tar+gzip", gzip.compress(layer.getvalue(), mtime=0))],
    }
    manifest = _blob(folder, f"{IMAGE}.manifest.v1+json", _json(content))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    return str(manifest["digest"])


def _blob(folder: Path, media_type: str, content: bytes) -> dict[str, Any]:
    """Write a blob. Returns its descriptor."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / "blobs" / "sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()
