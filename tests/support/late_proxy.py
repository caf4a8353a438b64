"""A proxy in front of Label Studio that gives up on a write, which Label Studio stores later all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

IMPORT = "/import/predictions"
PASSED = ("authorization", "content-type", "accept")


class LateProxy(ThreadingHTTPServer):
    """Answers the first import of predictions with 504, and passes it on once the second one is stored."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.late = 0
        """How many predictions were stored late."""
        self._http = httpx.Client(base_url=target, timeout=60)
        self._held: httpx.Request | None = None
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        request = self._http.build_request(method, path, headers=headers, content=body)
        if not path.endswith(IMPORT):
            return self._http.send(request)
        with self._lock:
            if self._held is None:
                self._held = request
                return httpx.Response(504, text="<h1>504 Gateway Time-out</h1>")
            answer = self._http.send(request)
            if not self.late:
                self.late = self._http.send(self._held).raise_for_status().json()["created"]
            return answer


class _Handler(BaseHTTPRequestHandler):
    server: LateProxy

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
def serving(target: str) -> Iterator[LateProxy]:
    """Serve one on a local port for as long as the context lasts."""
    server = LateProxy(target)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
