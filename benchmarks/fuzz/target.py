"""A service under odd requests: it is asked, its health is watched, and its log and memory are read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from benchmarks.fuzz.request import Request
from benchmarks.processes import resident, started
from tests.support.servers import Server, free_port

ANSWER_SECONDS = 100.0
"""Seconds that Label Studio waits. A request without an answer by then hangs."""
START_SECONDS = 600.0
HEALTH_SECONDS = 1.0
"""Seconds that Label Studio gives /health."""
LOOK_SECONDS = 0.2
OVERLOADED = (503, 504)
"""What a service may answer instead of a prediction: it is loading its model, or others hold all places."""
HEALTH = {"backend": "/health", "extractor": "/livez"}
SERVICES = {"backend": "service.main:Spanloop", "extractor": "service.main:Extractor"}


class Target:
    """A running service."""

    def __init__(self, service: str, server: Server) -> None:
        self.service = service
        self.late: list[float] = []
        """Seconds of the answers of /health that came too late."""
        self._server = server
        self._read = 0
        self._http = httpx.Client(base_url=server.url, timeout=ANSWER_SECONDS)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def close(self) -> None:
        self._over.set()
        self._watch.join()
        self._http.close()

    @property
    def memory(self) -> float:
        """The memory that its process holds, in MB."""
        return sum(resident(self._server.process))

    def ask(self, request: Request) -> tuple[str, list[str]]:
        """Send a request. Returns its status, or how it ended without one, and what must not be."""
        status, findings = self._status(request)
        return status, [*findings, *(f"the log has a traceback: {one}" for one in self._tracebacks())]

    def _status(self, request: Request) -> tuple[str, list[str]]:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()]
        try:
            answer = self._http.request(request.method, request.path, headers=headers, content=request.body)
        except httpx.TimeoutException:
            return "hangs", [f"no answer within {ANSWER_SECONDS:.0f} s"]
        except httpx.TransportError as error:
            return "cut", [f"the connection ended without an answer: {error!r}"]
        code = answer.status_code
        is_wrong = code >= 500 and code not in OVERLOADED
        return str(code), [f"{code}: {answer.text[:300]}"] if is_wrong else []

    def _tracebacks(self) -> list[str]:
        """The last lines of the tracebacks that have come into the log since it was read."""
        with self._server.log.open("rb") as log:
            log.seek(self._read)
            lines = log.read().decode("utf-8", "replace").splitlines()
            self._read = log.tell()
        return lines[-1:] if any(line.startswith("Traceback") for line in lines) else []

    def _look(self) -> None:
        """Ask for the health again and again."""
        with httpx.Client(base_url=self._server.url, timeout=ANSWER_SECONDS) as http:
            while not self._over.wait(LOOK_SECONDS):
                began = time.monotonic()
                with suppress(httpx.TransportError):  # what is asked beside it says more
                    http.get(HEALTH[self.service])
                seconds = time.monotonic() - began
                self.late += [seconds] if seconds > HEALTH_SECONDS else []


@contextmanager
def serving(service: str, folder: Path, model: Path) -> Iterator[Target]:
    """Serve with a new home while the context lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"SPANLOOP_MODEL": str(model), "SPANLOOP_THREADS": "1", "SPANLOOP_DEVICE": "cpu"}
    server = started(SERVICES[service], free_port(0), folder, environment)
    try:
        server.wait(START_SECONDS, "/ready" if service == "extractor" else "/health")
        target = Target(service, server)
        try:
            yield target
        finally:
            target.close()
    finally:
        server.stop()
