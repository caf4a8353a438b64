"""The Python packages of this environment, as a list of what a version or an image is made of names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

LOCKED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?P<hashes>(?:\s*\\\s*--hash=\S+)*)", re.MULTILINE)
"""A package in a file that `make lock` writes."""
SHA256 = re.compile(r"--hash=sha256:([0-9a-f]{64})")
LICENCE_CHARACTERS = 64
"""A longer licence in a package's metadata is the text of it, not its name."""


class Package(NamedTuple):
    """An installed package."""

    name: str
    version: str
    licence: str
    """An SPDX expression, or the name of a licence; empty if its metadata names none."""
    files: tuple[str, ...]
    """The SHA-256 of the files from which this version of it may be installed; none if they are not known."""


def installed(requirements: Path) -> list[Package]:
    """All packages of this environment, by name. `requirements` is the folder of the locked requirements, which may be
    missing."""
    locked = {key: files for file in sorted(requirements.glob("*.txt")) for key, files in hashes_in(file).items()}
    found = {one.name: one for one in (_package(each, locked) for each in distributions() if each.metadata["Name"])}
    return [found[name] for name in sorted(found)]


def hashes_in(file: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """The SHA-256 of the files of each locked package, by its name and version."""
    found = LOCKED.finditer(file.read_text(encoding="utf-8"))
    return {(canonicalize_name(one["name"]), one["version"]): tuple(SHA256.findall(one["hashes"])) for one in found}


def _package(found: Distribution, locked: Mapping[tuple[str, str], tuple[str, ...]]) -> Package:
    name = canonicalize_name(found.metadata["Name"])
    return Package(name, found.version, _licence(found), locked.get((name, found.version), ()))


def _licence(found: Distribution) -> str:
    metadata = found.metadata
    classified = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if "License ::" in line]
    named = metadata["License-Expression"] or metadata["License"] or ""
    if len(named) > LICENCE_CHARACTERS or "\n" in named:
        named = ""
    return str(named or ", ".join(classified))
