"""The README's commands, as they are printed, against the real Label Studio: connect, retrieve, annotate, train."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import label_studio
from tests.support.documents import ROOT, section
from tests.support.servers import Server, free_port

from .backend import until
from .material import CONFIG, QUICK, annotate, sentences
from .studio import Studio

pytestmark = pytest.mark.slow

CONNECT = section("README.md", "Connect your Label Studio")
TRAIN = section("README.md", "What a training run does")
PROJECT = "3"
"""The README's project."""


@pytest.fixture(scope="module")
def environment(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a person may have set before: another home, model and port, and settings with which a run takes seconds."""
    given = {"home": tmp_path_factory.mktemp("home"), "model": model_folder, "threads": 1, **QUICK}
    settings = {f"SPANLOOP_{name.upper()}": str(value) for name, value in given.items()}
    return {**settings, "PORT": str(free_port(0)), "COLUMNS": "200"}


@pytest.fixture(scope="module")
def connected(studio: Studio, environment: dict[str, str]) -> Iterator[int]:
    """The project that is connected by the README's steps, and annotated. Its backend is asked as Label Studio asks."""
    port = environment["PORT"]
    log = Path(environment["SPANLOOP_HOME"]) / "serve.txt"
    shell = ["bash", "-ec", f"cd {ROOT}\n{_for(studio, CONNECT)}"]
    server = Server("make serve", shell, environment, f"http://127.0.0.1:{port}", log)
    try:
        server.wait()
        gold = sentences(120)
        project = studio.project(gold, CONFIG)
        studio.connect(project, server.url)
        studio.retrieve_predictions(project)
        annotate(studio, project, gold)
        yield project
    finally:
        server.stop()


def test_connect_ends_with_predictions(studio: Studio, connected: int) -> None:
    until(lambda: all(task["predictions"] for task in studio.tasks(connected)), "a prediction of each task", 60)


def test_the_commands_after_it_train_and_list(studio: Studio, connected: int, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-ec", re.sub(rf"\b{PROJECT}\b", str(connected), _for(studio, TRAIN))],
        cwd=ROOT,
        env={**os.environ, **environment, **_key(studio)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"│ live │ .* │ PROMOTE │", done.stdout), done.stdout + done.stderr
    assert re.search(r"Usage: .*spanloop", done.stdout)


def _key(studio: Studio) -> dict[str, str]:
    """What the README exports, for another shell."""
    return {"SPANLOOP_LABEL_STUDIO_URL": studio.url, "SPANLOOP_LABEL_STUDIO_API_KEY": label_studio.TOKEN}


def _for(studio: Studio, commands: str) -> str:
    """The README's commands with this Label Studio in place of the example."""
    assert "make" in commands
    return commands.replace("https://label-studio.example.com", studio.url).replace("=KEY", f"={label_studio.TOKEN}")
