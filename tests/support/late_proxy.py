"""Proxies in front of Label Studio: one gives up on a write that is stored later all the same, one is slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

import httpx

IMPORT = "/import/predictions"
PASSED = ("authorization", "content-type", "accept")
ProxyT = TypeVar("ProxyT", bound="Proxy")


class Proxy(ThreadingHTTPServer):
    """Passes requests on. `imported` is what becomes of an import of predictions."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._http = httpx.Client(base_url=target, timeout=60)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        request = self._http.build_request(method, path, headers=headers, content=body)
        return self.imported(request) if path.endswith(IMPORT) else self._http.send(request)

    def imported(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError


class SlowProxy(Proxy):
    """Answers an import two seconds after it is stored."""

    def imported(self, request: httpx.Request) -> httpx.Response:
        answer = self._http.send(request)
        time.sleep(2)
        return answer


class LateProxy(Proxy):
    """Answers the first import of predictions with 504, and passes it on once the second one is stored."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.late = 0
        """How many predictions were stored late."""
        self._held: httpx.Request | None = None
        self._lock = threading.Lock()

    def imported(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if self._held is None:
                self._held = request
                return httpx.Response(504, text="<h1>504 Gateway Time-out</h1>")
            answer = self._http.send(request)
            if not self.late:
                self.late = self._http.send(self._held).raise_for_status().json()["created"]
            return answer


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: self.headers[name] for name in PASSED if name in self.headers}
        answer = self.server.answer(self.command, self.path, headers, body)
        self.send_response(answer.status_code)
        if "content-type" in answer.headers:
            self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(target: str, kind: type[ProxyT]) -> Iterator[ProxyT]:
    """Serve one on a local port for as long as the context lasts."""
    server = kind(target)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
