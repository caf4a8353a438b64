"""A run whose process is killed in any phase is resumed and finishes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from service.versions.history import LiveFile
from service.versions.store import BentoStore

from .backend import Backend
from .conftest import MakeBackend
from .material import CONFIG, QUICK, annotate, sentences
from .studio import Studio


def kill_in(backend: Backend, run: str, phase: str, seconds: float = 120) -> None:
    """Kill a run's process in a phase."""
    state = backend.home / "runs" / f"{run}.json"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = json.loads(state.read_text(encoding="utf-8"))
        assert not now["outcome"], f"the run ended before it was caught in phase {phase}: {now['message']}"
        if now["phase"] == phase:
            (process,) = backend.processes(run)
            os.kill(process, signal.SIGKILL)
            return
        time.sleep(0.002)
    raise AssertionError(f"phase {phase} did not come within {seconds:.0f} s")


def models(home: Path) -> set[str]:
    """The versions that have files in the store, even incomplete ones."""
    stores = [home / "bentoml" / "bentos" / "spanloop", *home.glob("bentoml/models/*")]
    return {path.name for store in stores if store.exists() for path in store.iterdir() if path.name != "latest"}


@pytest.fixture(scope="module")
def tried(make_backend: MakeBackend) -> Backend:
    return make_backend(**{**QUICK, "steps": 25})


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["waiting", "export", "dataset", "replay", "tune", "judge", "publish"])
def test_a_run_killed_in_a_phase_is_resumed_and_finishes(studio: Studio, tried: Backend, phase: str):
    gold = sentences(170, seed=sum(map(ord, phase)))
    project = studio.project(gold, CONFIG, title=f"killed in {phase}")
    model = studio.connect(project, tried.url)
    annotate(studio, project, gold)
    live, known = LiveFile(tried.home).read().live, {v.version for v in BentoStore(tried.home).versions()}
    studio.start_training(model)
    run = tried.job()["job"]
    kill_in(tried, run, phase)
    assert LiveFile(tried.home).read().live == live

    ended = tried.ended(run)
    assert ended["outcome"] in ("promoted", "held"), ended["message"]
    assert json.loads((tried.home / "runs" / f"{run}.json").read_text())["attempt"] == 2
    versions = {version.version for version in BentoStore(tried.home).versions()}
    assert versions - known == {ended["version"]}
    assert models(tried.home) == versions, "something half-published is left"
    studio.delete(project)
