"""A small server of texts, for tags with valueType="url"."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = "Zoë met Alice 😀"


class TextServer(ThreadingHTTPServer):
    """Answers by path: `/a.txt` has TEXT, `/long` is long, `/slow` slow, `/gone` is not there, `/to/X` leads to X.

    `/drips` sends its header for half a minute, `/pours` a text without a length; or until the client goes.

    Where a test sets `texts`, only these are there.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked: list[tuple[str, str]] = []
        """The path and the Host of each request."""
        self.sat_out: list[str] = []
        """The paths whose drips a client waited for to the end."""
        self.texts: dict[str, bytes] = {}


class _Handler(BaseHTTPRequestHandler):
    server: TextServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["host"]))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path == "/slow":
            time.sleep(1)
        if self.path in ("/drips", "/pours"):
            self.drip("x-more: 1\r\n" if self.path == "/drips" else "\r\nmore")
            return
        known = {"/a.txt": b"\xef\xbb\xbf" + TEXT.encode(), "/long": b"x" * 5000, "/slow": b"slow"}
        content = (self.server.texts or known).get(self.path, b"")
        self.send_response(200 if content else 404)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def drip(self, more: str) -> None:
        self.close_connection = True
        with suppress(OSError):  # the client has gone
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for _ in range(600):
                self.wfile.write(more.encode())
                time.sleep(0.05)
            self.server.sat_out.append(self.path)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served() -> Iterator[TextServer]:
    """Serve the texts on a local port for as long as the context lasts."""
    server = TextServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
