"""What a registry's repository holds, as an OCI image layout in a folder: kept, and put into another repository."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx

NAME = "org.opencontainers.image.ref.name"
"""The annotation that has a manifest's tag."""
KINDS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json")
SECONDS = 30


def save(host: str, name: str, folder: Path) -> None:
    """Write all tags of a repository, and all that they name, as a layout in an empty folder."""
    _blobs(folder).mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    with _repository(host, name) as repository:
        tags = sorted(repository.get("tags/list").raise_for_status().json()["tags"])
        index = [{**_save_manifest(repository, tag, folder), "annotations": {NAME: tag}} for tag in tags]
    content = json.dumps({"schemaVersion": 2, "manifests": index}, indent=1)
    (folder / "index.json").write_text(content, encoding="utf-8")


def put(folder: Path, host: str, name: str) -> None:
    """Put a layout into a repository: its tags and digests are the same there."""
    with _repository(host, name) as repository:
        for tag, described in manifests(folder).items():
            _put_manifest(repository, folder, described, tag)


def manifests(folder: Path) -> dict[str, dict[str, Any]]:
    """The descriptors of a layout's manifests by tag, in its order."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return {one["annotations"][NAME]: one for one in index["manifests"]}


def layer(folder: Path, tag: str, kind: str) -> Path:
    """The file of the only layer of a media type that a layout's manifest has."""
    manifest = json.loads(_file(folder, manifests(folder)[tag]["digest"]).read_text(encoding="utf-8"))
    (digest,) = [one["digest"] for one in manifest["layers"] if one["mediaType"] == kind]
    return _file(folder, digest)


def _repository(host: str, name: str) -> httpx.Client:
    return httpx.Client(base_url=f"http://{host}/v2/{name}/", timeout=SECONDS)


def _blobs(folder: Path) -> Path:
    return folder / "blobs" / "sha256"


def _file(folder: Path, digest: str) -> Path:
    return _blobs(folder) / digest.removeprefix("sha256:")


def _save_manifest(repository: httpx.Client, reference: str, folder: Path) -> dict[str, Any]:
    """Write a manifest with all that it names. Returns its descriptor."""
    answer = repository.get(f"manifests/{reference}", headers={"Accept": ", ".join(KINDS)}).raise_for_status()
    content, digest = answer.json(), f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    _file(folder, digest).write_bytes(answer.content)
    for inner in content.get("manifests", ()):
        _save_manifest(repository, inner["digest"], folder)
    for blob in _blobs_of(content):
        _file(folder, blob).write_bytes(repository.get(f"blobs/{blob}").raise_for_status().content)
    return {"mediaType": answer.headers["Content-Type"], "digest": digest, "size": len(answer.content)}


def _put_manifest(repository: httpx.Client, folder: Path, described: dict[str, Any], reference: str) -> None:
    """Put a manifest after all that it names."""
    raw = _file(folder, described["digest"]).read_bytes()
    content = json.loads(raw)
    for inner in content.get("manifests", ()):
        _put_manifest(repository, folder, inner, inner["digest"])
    for blob in _blobs_of(content):
        _put_blob(repository, folder, blob)
    kind = {"Content-Type": described["mediaType"]}
    repository.put(f"manifests/{reference}", content=raw, headers=kind).raise_for_status()


def _put_blob(repository: httpx.Client, folder: Path, digest: str) -> None:
    if repository.head(f"blobs/{digest}").is_success:
        return
    begun = repository.post("blobs/uploads/").raise_for_status()
    place = begun.url.join(begun.headers["Location"]).copy_merge_params({"digest": digest})
    repository.put(place, content=_file(folder, digest).read_bytes()).raise_for_status()


def _blobs_of(manifest: dict[str, Any]) -> list[str]:
    """The digests of a manifest's blobs; an index has none."""
    described = [manifest["config"], *manifest["layers"]] if "config" in manifest else []
    return [one["digest"] for one in described]
