from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from service.backend.protocols import Busy
from service.runs.files import Runs
from service.runs.run import Run, conditions, now
from tests.support import api_server


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

    def cancel(self, run: Run) -> None:
        self.runs.end_cancelled(run)
        self.die()

    def conditions(self) -> str:
        return conditions()

    def log_of(self, run_id: str) -> str:
        return f"the log of {run_id}"

    def reap(self) -> None:
        pass


class Pod:
    """An application on a port of its own that can be stopped and started again."""

    def __init__(self, app: Any, until: Callable[..., Any]) -> None:
        self.app = app
        self._until = until
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread: threading.Thread | None = None

    @property
    def started(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        self._server = uvicorn.Server(uvicorn.Config(self.app, port=self.port, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        self._until(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        assert self._thread
        self._thread.join()


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Launches]]:
    """Backends started in this test launch no processes; their launchers are in the list."""
    made: list[Launches] = []

    def make(runs: Runs) -> Launches:
        made.append(Launches(runs))
        return made[-1]

    monkeypatch.setattr("service.backend.local.compose.LocalLauncher", make)
    yield made
    for launcher in made:
        if launcher._held is not None:
            launcher.die()


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """The backends that run; all end when it is closed."""
    with ExitStack() as backends:
        yield backends


@pytest.fixture
def backend(
    settings: Callable[..., Any],
    launches: list[Launches],
    running: ExitStack,
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., TestClient]:
    """Start a backend with some settings; it has its model when this returns, unless `wait` is False."""
    from service.backend.app import build
    from service.backend.local import compose

    monkeypatch.setattr("service.backend.loop.TICK_SECONDS", 0.05)

    def start(wait: bool = True, **overrides: Any) -> TestClient:
        made = settings(**overrides)
        app = build(made, compose.supervisor)
        client = running.enter_context(TestClient(app, raise_server_exceptions=True))
        if wait:
            until(lambda: app.state.supervisor.extractor.version, what="a loaded model")
        return client

    return start


@pytest.fixture
def client(backend: Callable[..., TestClient]) -> TestClient:
    return backend()


@pytest.fixture
def pods(until: Callable[..., Any]) -> Iterator[Callable[[Any], Pod]]:
    """Pods on this machine: they are not started when they are made."""
    made: list[Pod] = []

    def make(app: Any) -> Pod:
        made.append(Pod(app, until))
        return made[-1]

    yield make
    for pod in made:
        if pod.started:
            pod.stop()


@pytest.fixture
def api(tmp_path, monkeypatch):
    """A small API server, which this process's kubeconfig leads to."""
    state = api_server.ApiServer()
    with api_server.served(state, tmp_path) as kubeconfig:
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield state
