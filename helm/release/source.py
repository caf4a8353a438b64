"""What a release is made from: a commit, the versions that it names, and the materials that it pins."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml

from helm.release.programs import Refused, output
from service import __version__
from service.settings import ROOT

LOCKS = ("requirements/base.txt", "requirements/torch.txt")
"""The lists of the packages in the image."""
PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """A commit without changes."""

    commit: str
    time: datetime
    """When it was committed. All that the release makes has this time, so that it is the same bytes again."""
    version: str
    chart_version: str
    base: str
    """The image's base, with its digest."""
    locks: dict[str, str]
    """The SHA-256 of each list of packages, by its path."""


def read(version: str, base: str) -> Source:
    """The source of a release. `base` is the image's base, "" for the Dockerfile's. Raises Refused."""
    changed = output("git", "status", "--porcelain", "--untracked-files=all").decode()
    if changed:
        raise Refused(
            f"The checkout has changes that are in no commit:\n{changed}Nothing was built or pushed. Commit them, or "
            "remove them."
        )
    commit, time = output("git", "log", "-1", "--format=%H %ct").decode().split()
    return Source(
        commit=commit,
        time=datetime.fromtimestamp(int(time), UTC),
        version=_same_version(version),
        chart_version=str(_chart()["version"]),
        base=_pinned(base or _base_of_dockerfile()),
        locks={name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in LOCKS},
    )


def _chart() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((ROOT / "helm" / "spanloop" / "Chart.yaml").read_text(encoding="utf-8"))
    return found


def _same_version(version: str) -> str:
    found = {"service/__init__.py": __version__, "helm/spanloop/Chart.yaml (appVersion)": _chart()["appVersion"]}
    other = [f"{file} says {known}" for file, known in found.items() if known != version]
    if other:
        raise Refused(
            f"VERSION is {version!r}, but {' and '.join(other)}. Nothing was built or pushed. Write the version there, "
            "or leave VERSION out."
        )
    return version


def _base_of_dockerfile() -> str:
    found = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _pinned(base: str) -> str:
    if not PINNED.fullmatch(base):
        raise Refused(
            f"The image's base {base!r} has no digest, so nobody could tell what the image is made of. Nothing was "
            "built or pushed. Pin it with `make base` and commit that, or name one: BASE=…@sha256:…"
        )
    return base
