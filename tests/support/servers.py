"""Starts, awaits and ends server processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx


class ServerFailed(RuntimeError):
    """A server did not start. The message says where its log is."""


class Server:
    """A process that answers HTTP on this machine."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], url: str, log: Path) -> None:
        self.name = name
        self.url = url
        self.log = log
        self._output = log.open("ab")
        self._process = subprocess.Popen(
            command,
            # The caller's own SPANLOOP_ variables must not change the server.
            env={k: v for k, v in os.environ.items() if not k.startswith("SPANLOOP_")} | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def process(self) -> int:
        """The process id."""
        return self._process.pid

    def wait(self, seconds: float = 180, path: str = "/health") -> None:
        """Wait until `path` answers. Raises ServerFailed after `seconds`, or if the process has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed(f"{self.name} ended with status {self._process.returncode}; its log is {self.log}.")
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}{path}", timeout=2).is_success:
                    return
            time.sleep(0.2)
        raise ServerFailed(f"{self.name} does not answer at {self.url} after {seconds:.0f} s; its log is {self.log}.")

    def tail(self, lines: int = 20) -> str:
        """The last lines of the server's log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End the process and all processes of its session."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._output.close()


def free_port(preferred: int) -> int:
    """The preferred port, or any free port if it is taken. Raises ServerFailed if there is none."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerFailed("There is no free port on this machine.")
