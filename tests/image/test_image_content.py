"""The content of the image."""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from building import snapshot
from containers import Podman
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow

HOME = "/var/lib/spanloop"
FOR_ALL = ("/tmp", "/var/tmp", "/run/lock", "/dev", "/proc", "/sys")
"""Paths that every user may write to in any container."""


def inspected(podman: Podman, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podman("image", "inspect", image))[0]
    return found


def test_it_says_what_it_is_and_runs_as_a_user_of_its_own(podman: Podman, image: str):
    config = inspected(podman, image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.title"] == "Spanloop"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert config["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert config["Labels"]["org.opencontainers.image.base.name"] == "localhost/base:test"
    assert list(config["Volumes"]) == [HOME]
    assert list(config["ExposedPorts"]) == ["9090/tcp"]


def test_it_holds_the_code_the_starter_and_the_licence(files: Path, context: Path):
    assert {path.name for path in (files / "app").iterdir()} == {
        "LICENSE",
        "requirements",
        "service",
        "spanloop",
        "starter",
        "training",
    }
    for name in ("starter/model/model.safetensors", "training/replay.jsonl", "LICENSE", "training/run.py"):
        assert (files / "app" / name).read_bytes() == (context / name).read_bytes(), name


def test_it_holds_nothing_else_of_the_checkout_or_the_build(podman: Podman, image: str, files: Path):
    assert not [*(files / "app").rglob("old.*")]
    assert not (files / "etc" / "pip.conf").exists()
    metadata = podman("history", "--no-trunc", "--format={{.CreatedBy}}", image) + json.dumps(inspected(podman, image))
    assert "wheels" not in metadata
    assert "no-index" not in metadata


def test_its_packages_are_the_pinned_ones(files: Path, context: Path):
    lines = [
        line
        for name in ("base.txt", "torch.txt")
        for line in (context / "requirements" / name).read_text().splitlines()
    ]
    pinned = dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line)
    (packages,) = files.glob("opt/venv/lib/python3.*/site-packages")
    found = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions(path=[str(packages)])}
    found = {name: version.partition("+")[0] for name, version in found.items() if name != "spanloop"}
    assert found == pinned
    assert not found.keys() & {"pytest", "mypy", "ruff", "playwright", "hypothesis"}


def test_it_has_no_installer_no_compiler_and_no_git(podman: Podman, image: str, files: Path):
    unwanted = "pip pip3 uv uvx gcc cc g++ c++ clang ld make git"
    tried = f"for p in {unwanted}; do $p --version >/dev/null 2>&1 && echo $p; done; true"
    assert podman.run(image, "sh", "-c", tried) == ""
    for python in ("/opt/venv/bin/python", "/usr/bin/python3"):
        assert podman.run(image, python, "-c", "import importlib.util as u; print(u.find_spec('pip'))") == "None\n"
    assert not [*files.glob("opt/venv/lib/python3.*/site-packages/torch/include")]
    assert not [*files.glob("root/.cache/*")]


def test_its_user_may_write_only_to_its_home(podman: Podman, image: str):
    skipped = " -o ".join(f"-path {path}" for path in FOR_ALL)
    search = f"find / \\( {skipped} \\) -prune -o \\( -writable -o -user 10001 -o -group 10001 \\) ! -type l -print"
    assert podman.run("--read-only=false", image, "sh", "-c", f"{search} 2>/dev/null; true").split() == [HOME]


def test_all_that_a_start_imports_is_compiled(podman: Podman, image: str):
    """On a read-only file system each start would compile the missing modules again."""
    output = podman.run(
        "--tmpfs=/tmp", image, "python", "-v", "-c", "import service.main, service.backend.local.compose, training.run"
    )
    assert len(re.findall(r"code object from '[^']*\.pyc'", output)) > 1000
    assert re.findall(r"code object from (/(?:app|opt)/.*\.py)$", output, re.MULTILINE) == []


def test_a_change_of_the_code_changes_only_the_layer_of_the_code(
    podman: Podman, image: str, context: Path, arguments: list[str], tmp_path: Path
):
    changed = snapshot(context, tmp_path / "context")
    with (changed / "service" / "model" / "words.py").open("a", encoding="utf-8") as module:
        module.write("# changed\n")
    podman.build(changed, "localhost/spanloop:changed", *arguments)
    before, after = (inspected(podman, name)["RootFS"]["Layers"] for name in (image, "localhost/spanloop:changed"))
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]
    sizes = [layer["size"] for layer in json.loads(podman("history", "--format=json", image)) if layer["size"]]
    assert sizes[0] < 5_000_000
