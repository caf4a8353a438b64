"""What commit aa6c8b7 left behind: tests/fixtures/README.md says what that is. No code under test is used here."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from tests.support import oci_layout

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
    return {version: described["digest"] for version, described in oci_layout.manifests(folder / "registry").items()}


def publish(folder: Path, host: str, name: str) -> None:
    """Put all versions into a registry's repository as they were."""
    oci_layout.put(folder / "registry", host, name)


def cluster(repository: str = REPOSITORY) -> dict[str, list[dict[str, Any]]]:
    """The objects of a release by kind: a rollout from the first version to the second is under way.

    Their references name `repository`.
    """
    return json.loads((FIXTURE / "cluster.json").read_text(encoding="utf-8").replace(REPOSITORY, repository))
