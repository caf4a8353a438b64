from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.backend.parts import Busy
from service.runs import Run, Runs, conditions, now


class Launches:
    """A launcher without processes: it takes the run's lock as one would, until the test ends the run."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.launched: list[Run] = []
        self._held: int | None = None
        self.error: Exception | None = None

    def launch(self, run: Run) -> None:
        lock = self.runs.acquire(run.id)
        if lock is None:
            raise Busy("another run is active")
        if self.error:
            os.close(lock)
            raise self.error
        self.runs.save(run)
        self.launched.append(run)
        self._held = lock

    def end(self, outcome: str, message: str = "over") -> None:
        known = self.runs.get(self.launched[-1].id)
        assert known is not None
        self.runs.save(known.model_copy(update={"outcome": outcome, "message": message, "updated": now()}))
        self.die()

    def die(self) -> None:
        assert self._held is not None
        os.close(self._held)
        self._held = None

    def conditions(self) -> str:
        return conditions()

    def log_of(self, run_id: str) -> str:
        return f"the log of {run_id}"

    def reap(self) -> None:
        pass


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Launches]]:
    """Backends started in this test launch no processes; their launchers are in the list."""
    made: list[Launches] = []

    def make(runs: Runs) -> Launches:
        made.append(Launches(runs))
        return made[-1]

    monkeypatch.setattr("service.backend.local.LocalLauncher", make)
    yield made
    for launcher in made:
        if launcher._held is not None:
            launcher.die()


@pytest.fixture
def backend(
    settings: Callable[..., Any],
    launches: list[Launches],
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., TestClient]]:
    """Start a backend with some settings; it has its model when this returns, unless `wait` is False."""
    from service.backend import local
    from service.backend.app import build

    monkeypatch.setattr("service.backend.supervisor.EVERY", 0.05)
    with ExitStack() as running:

        def start(wait: bool = True, **overrides: Any) -> TestClient:
            made = settings(**overrides)
            app = build(lambda: local.supervisor(made))
            client = running.enter_context(TestClient(app, raise_server_exceptions=True))
            if wait:
                until(lambda: app.state.supervisor.extractor.version, what="a loaded model")
            return client

        yield start


@pytest.fixture
def client(backend: Callable[..., TestClient]) -> TestClient:
    return backend()
