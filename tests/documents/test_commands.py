"""Each command that a document prints can be typed: its program, its options and what it names are there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from spanloop.__main__ import app
from tests.support.documents import ROOT, Block, blocks, documents, program
from tests.support.lacking import missing

BLOCKS = [block for document in documents() for block in blocks(document)]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands(name: str) -> list[object]:
    """All commands of a program, each with the place that prints it."""
    found = [(str(block), command) for block in BLOCKS for command in block.commands if program(command) == name]
    assert found, f"no document has a command of {name}"
    return [pytest.param(command, id=f"{place}: {' '.join(command)[:50]}") for place, command in found]


def ours() -> list[object]:
    """All commands of `spanloop`, also those in a pod and in a container."""
    found = []
    for block in BLOCKS:
        for command in block.commands:
            if "spanloop" in (inside := _inside(command))[:1]:
                found.append(pytest.param(inside[1:], id=f"{block}: {' '.join(inside)}"))
    return found


def _inside(command: list[str]) -> list[str]:
    """The command itself, or the one that a pod or a container is given."""
    if program(command) == "kubectl" and "--" in command:
        command = command[command.index("--") + 1 :]
    elif command[:3] == ["docker", "compose", "exec"]:
        command = command[4:]
    return [program(command), *_words(command)[1:]]


def _words(command: list[str]) -> list[str]:
    """Without what the shell itself reads: `> file` and what follows."""
    return command[: next((at for at, word in enumerate(command) if word.startswith(">")), len(command))]


def _helm() -> str:
    found = shutil.which("helm")
    if not found:
        missing("helm is not on the PATH")
    return found


def _after(command: list[str], *options: str) -> Iterator[str]:
    """What stands behind an option."""
    yield from (value for option, value in pairwise(command) if option in options)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_bash_understands_each_block(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", ours())
def test_spanloop_understands_each_of_its_commands(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, [*arguments, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage: " in done.output


@pytest.mark.parametrize("command", commands("make"))
def test_each_target_of_make_is_there(command: list[str]) -> None:
    for word in command[1:]:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert re.search(rf"\$[({{](if )?{name}\b|^{name} \?=", MAKEFILE, re.MULTILINE), f"nothing reads {name}"
        else:
            assert re.search(rf"^{name}:", MAKEFILE, re.MULTILINE), f"there is no target {name}"


@pytest.mark.parametrize("command", [param for param in commands("helm") if "helm/spanloop" in param.values[0]])
def test_the_chart_renders_as_each_helm_command_has_it(command: list[str]) -> None:
    given = [part for value in _after(command, "--set") for part in ("--set", value)]
    needed = ["--set", "labelStudio.url=http://label-studio", "--set", "registry.url=registry.example.com/bentos"]
    asked = [_helm(), "template", "spanloop", ROOT / "helm" / "spanloop", *needed, *given]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for shown in _after(command, "--show-only"):
        assert (ROOT / "helm" / "spanloop" / shown).exists()


@pytest.mark.parametrize("command", commands("kubectl"))
def test_kubectl_understands_each_command(command: list[str]) -> None:
    """It parses the verb and the options, and says how they are used."""
    kubectl = shutil.which("kubectl") or shutil.which("kubectl", path=str(Path(sys.executable).parent))
    if not kubectl:
        missing("kubectl is neither on the PATH nor beside this Python")
    asked = _words(command)[1:]
    asked = asked[: asked.index("--")] if "--" in asked else asked
    done = subprocess.run([kubectl, *asked, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
    for file in _after(command, "-f"):
        made_before = not file.startswith("k8s/")
        assert made_before or (ROOT / file).exists(), f"there is no {file}"


@pytest.mark.parametrize("command", [one for one in commands("docker") if one.values[0][1] == "compose"])
def test_compose_has_each_file_profile_and_service(command: list[str]) -> None:
    files = [*_after(command, "-f")] or ["compose.yaml"]
    assert all((ROOT / file).exists() for file in files)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", ())}
    assert {*_after(command, "--profile")} <= profiles
    assert {*_after(command, "exec")} <= {*services}
