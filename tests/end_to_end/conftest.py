"""A real Label Studio, real backends and a real browser, each started once and shared.

Every test makes projects of its own. A run learns from all projects that use its backend, so tests of runs also have
backends of their own.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from service.settings import STARTER
from tests.support import label_studio
from tests.support.lacking import missing
from tests.support.servers import Server, free_port

from .backend import Backend
from .studio import Studio

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanloop"
PROGRAM = Path(os.environ.get("LABEL_STUDIO") or CACHE / "label-studio-1.23.2" / "bin" / "label-studio")

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def studio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not PROGRAM.exists():
        missing(f"Label Studio is not installed at {PROGRAM}: run `make test`, or set LABEL_STUDIO to its program")
    server = label_studio.start(PROGRAM, tmp_path_factory.mktemp("label-studio"), free_port(0))
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def studio(studio_server: Server) -> Studio:
    return Studio(studio_server.url)


@pytest.fixture(scope="session")
def personal_access_token(studio: Studio) -> str:
    """The only token: Label Studio gives each person one at a time."""
    return studio.make_personal_access_token()


MakeBackend = Callable[..., Backend]


@pytest.fixture(scope="session")
def make_backend(
    studio_server: Server, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeBackend]:
    """Starts backends, by default with the tiny model and this Label Studio. Settings may be given."""
    made: list[Backend] = []

    def make(url: str = studio_server.url, key: str = label_studio.TOKEN, **settings: Any) -> Backend:
        given = {"model": model_folder, **settings}
        made.append(Backend(tmp_path_factory.mktemp("spanloop"), url, key, **given))
        return made[-1]

    yield make
    for backend in made:
        backend.stop()


@pytest.fixture(scope="session")
def backend(make_backend: MakeBackend) -> Backend:
    """The backend of the tests that start no runs."""
    return make_backend()


@pytest.fixture(scope="session")
def embedded(make_backend: MakeBackend) -> Backend:
    """A backend with the embedded model, which `make serve` uses."""
    if not (STARTER / "gliner_config.json").exists():
        missing(f"there is no embedded model in {STARTER}: run `make starter`")
    return make_backend(model=STARTER)


@pytest.fixture(scope="session")
def guarded(make_backend: MakeBackend) -> Backend:
    """Like `backend`, behind Basic authentication."""
    return make_backend(basic_auth=True)


UNLIMITED = 1 << 30


class Gate:
    """A TCP proxy to Label Studio that can be closed: it passes `left` more connections on and refuses the others."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition("//")[2].partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.left = UNLIMITED
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.left <= 0:
                client.close()
                continue
            self.left -= 1
            server = socket.create_connection(self._target)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(1 << 16):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def gate(studio_server: Server) -> Iterator[Gate]:
    with closing(Gate(studio_server.url)) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        missing("Chromium is not installed: apt-get update && apt-get install -y chromium")
    expect.set_options(timeout=20_000)
    with (
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)) as launched,
    ):
        yield launched


@pytest.fixture(scope="session")
def session_state(browser: Browser, studio_server: Server) -> Any:
    """The cookies of a person who has logged in."""
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"{studio_server.url}/user/login/")
        page.fill("input[name=email]", label_studio.USER)
        page.fill("input[name=password]", label_studio.PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "login" not in url, wait_until="commit")
        return context.storage_state()


@pytest.fixture
def page(browser: Browser, session_state: Any) -> Iterator[Page]:
    """A page of a person who has logged in."""
    size: Any = {"width": 1360, "height": 850}
    with closing(browser.new_context(storage_state=session_state, viewport=size)) as context:
        context.set_default_timeout(30_000)
        yield context.new_page()
