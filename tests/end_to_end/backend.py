"""Spanloop as `spanloop serve` starts it, with a home folder of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from service.settings import ROOT
from tests.support.servers import Server, free_port

Found = TypeVar("Found")

CREDENTIALS = ("annotator", "p@ss: word")


def until(condition: Callable[[], Found], what: str, seconds: float = 30, every: float = 0.05) -> Found:
    """Wait until `condition` returns something true, and return that. Fails with `what` after `seconds`.

    It is asked again after `every` seconds.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


class Backend:
    """A running backend. `settings` are its settings without the prefix: `Backend(…, threshold=0.3)`."""

    def __init__(self, home: Path, label_studio: str, key: str, basic_auth: bool = False, **settings: object) -> None:
        self.home = home
        self.port = free_port(0)
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=30, auth=CREDENTIALS if basic_auth else None)
        given = {"label_studio_url": label_studio, "label_studio_api_key": key, "threads": 1, **settings}
        if basic_auth:
            given |= {"basic_auth_username": CREDENTIALS[0], "basic_auth_password": CREDENTIALS[1]}
        self._settings = {f"SPANLOOP_{name.upper()}": str(value) for name, value in given.items()}
        self._basic_auth = basic_auth
        (home / "bentoml").mkdir(parents=True)
        self._server: Server | None = None
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        fixed = {
            "SPANLOOP_HOME": str(self.home),
            "BENTOML_HOME": str(self.home / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            "PYTHONPATH": str(ROOT),
        }
        return {**fixed, **self._settings}

    def start(self) -> None:
        program = [sys.executable, "-m", "spanloop", "serve"]
        options = ["--host", "127.0.0.1", "--port", str(self.port)]
        log = self.home / "backend.txt"
        url = self.url.replace("//", f"//{':'.join(map(quote, CREDENTIALS))}@") if self._basic_auth else self.url
        self._server = Server("Spanloop", [*program, *options], self.environment, url, log)
        self._server.wait()

    def stop(self) -> None:
        """End the backend and its runs, which outlive it otherwise."""
        if self._server:
            self._server.stop()
            self._server = None
        for process in self.processes():
            os.kill(process, signal.SIGKILL)

    def processes(self, run: str = "") -> list[int]:
        """The ids of the processes that execute this home's runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            ours = b"--run" in command and f"SPANLOOP_HOME={self.home}".encode() in environment
            if ours and run.encode() in (b"", command[command.index(b"--run") + 1]):
                found.append(int(folder.name))
        return found

    @property
    def log(self) -> str:
        return (self.home / "backend.txt").read_text(encoding="utf-8", errors="replace")

    @property
    def version(self) -> str:
        """The version that answers, without the suffix that Label Studio sees."""
        return str(self.http.get("/health").raise_for_status().json()["model_version"])

    @property
    def page(self) -> str:
        return self.http.get("/").raise_for_status().text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's values with these labels."""
        total = 0.0
        for line in self.http.get("/metrics").raise_for_status().text.splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if (
                found
                and found[1] == name
                and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")).items()
            ):
                total += float(found[3])
        return total

    def job(self, run: str = "") -> dict[str, Any]:
        """The progress of a run, by default of the newest; empty without one."""
        answer = self.http.post("/job_status", json={"job": run} if run else {})
        found: dict[str, Any] = {} if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()
        return found

    def runs(self) -> list[dict[str, Any]]:
        """The runs' own files, the newest first."""
        found = [json.loads(path.read_text(encoding="utf-8")) for path in (self.home / "runs").glob("*.json")]
        return sorted(found, key=lambda run: run["started"], reverse=True)

    def ended(self, run: str = "", seconds: float = 240) -> dict[str, Any]:
        """Wait until a run has ended."""

        def end() -> dict[str, Any]:
            job = self.job(run)
            return job if job.get("outcome") else {}

        return until(end, f"the end of run {run or '(newest)'}", seconds)

    def program(self, module: str, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run a program, such as `python -m spanloop …`, with this backend's settings or others."""
        given = {f"SPANLOOP_{name.upper()}": str(value) for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, **given, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
        )
