"""What commit aa6c8b7 left behind: tests/fixtures/README.md says what that is. No code under test is used here."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import httpx

FIXTURE = Path(__file__).parents[1] / "fixtures" / "aa6c8b7"
REPOSITORY = "registry.example.com/spanloop-bentos"
"""What the cluster's objects call the repository."""
FIRST, HELD, SECOND = "20261129-191418-ca3ac5", "20261129-191433-de70e7", "20261129-191447-4b82fa"
"""The versions: promoted, held, and promoted in place of the first."""


def unpack(folder: Path) -> None:
    """Write the home directory and the registry's content below a folder, as `home` and `registry`."""
    with tarfile.open(FIXTURE / "state.tar.xz") as archive:
        archive.extractall(folder, filter="data")


def answers(version: str) -> list[dict[str, Any]]:
    """What a version answered by project: its name for Label Studio, and the spans that it found in some texts."""
    return json.loads((FIXTURE / "answers.json").read_text(encoding="utf-8"))[version]


def digests(folder: Path) -> dict[str, str]:
    """The digests of the manifests by version, the oldest version first."""
    index = json.loads((folder / "registry" / "index.json").read_text(encoding="utf-8"))
    return {one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"] for one in index["manifests"]}


def publish(folder: Path, host: str, name: str) -> None:
    """Put all versions into a registry's repository as they were."""
    blobs = {f"sha256:{blob.name}": blob for blob in (folder / "registry" / "blobs" / "sha256").iterdir()}
    tags = digests(folder)
    with httpx.Client(base_url=f"http://{host}/v2/{name}/", timeout=30) as registry:
        for digest in blobs.keys() - tags.values():
            begun = registry.post("blobs/uploads/").raise_for_status()
            place = begun.url.join(begun.headers["Location"]).copy_merge_params({"digest": digest})
            registry.put(place, content=blobs[digest].read_bytes()).raise_for_status()
        for tag, digest in tags.items():
            kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
            registry.put(f"manifests/{tag}", content=blobs[digest].read_bytes(), headers=kind).raise_for_status()


def cluster(repository: str = REPOSITORY) -> dict[str, list[dict[str, Any]]]:
    """The objects of a release by kind: a rollout from the first version to the second is under way.

    Their references name `repository`.
    """
    return json.loads((FIXTURE / "cluster.json").read_text(encoding="utf-8").replace(REPOSITORY, repository))
