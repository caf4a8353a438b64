"""The image, built once from the Dockerfile."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import building
import pytest
from containers import Podman

NEEDED = ("podman", "runc", "mmdebstrap")
IMAGE = "localhost/spanloop:test"


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        pytest.skip(f"the image is built with Debian's {', '.join(NEEDED)}; not here: {', '.join(missing)}")
    if os.geteuid() != 0 or sys.version_info[:2] != (3, 11):
        pytest.skip("the image is built by root, with wheels for Python 3.11")
    # The images take 8 GB, and pytest's directory may be in memory.
    podman = Podman(Path(tempfile.mkdtemp(prefix="spanloop-image-", dir="/var/tmp")))
    try:
        yield podman
    finally:
        podman.close()


@pytest.fixture(scope="session")
def context(podman: Podman) -> Path:
    """A copy of the files that the image is built from, with other files that a checkout may hold."""
    folder = building.snapshot(building.ROOT, podman.folder / "context")
    for private in (folder / "service" / "main.py", folder / "starter" / "model" / "model.safetensors"):
        private.chmod(0o600)  # as under a strict umask
    for unwanted in ("service/__pycache__/old.cpython-311.pyc", ".git/old.config", "old.env"):
        (folder / unwanted).parent.mkdir(exist_ok=True)
        (folder / unwanted).write_text("unwanted", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def wheels(podman: Podman) -> Path:
    return building.fetch(podman.folder / "wheels")


@pytest.fixture(scope="session")
def base(podman: Podman, wheels: Path) -> str:
    return building.make_base(podman, wheels)


@pytest.fixture(scope="session")
def arguments(podman: Podman, wheels: Path, base: str) -> list[str]:
    """The arguments of every build."""
    return building.arguments(podman.folder, wheels, base, version="1.2.3")


@pytest.fixture(scope="session")
def image(podman: Podman, context: Path, arguments: list[str]) -> str:
    podman.build(context, IMAGE, *arguments)
    return IMAGE


@pytest.fixture(scope="session")
def files(podman: Podman, image: str) -> Path:
    """The image's root directory."""
    return Path(podman("image", "mount", image).strip())
