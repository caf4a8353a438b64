"""A Label Studio whose answers below a path come byte by byte, and have no end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from benchmarks.machine import studio
from tests.support.oci_registry import serving

DRIP_SECONDS = 1.0


@contextmanager
def dripping(below: str) -> Iterator[str]:
    """Serve the small Label Studio of `machine.studio` on a local port while the context lasts. Yields its address.

    Every answer to a path that begins with `below`, and that asks for more than one task, drips.
    """
    over, state = threading.Event(), studio()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            if asked.path.startswith(below) and "page_size=1&" not in f"{asked.query}&":
                self._drip()
            else:
                _, body = state.answer("GET", asked.path, parse_qs(asked.query))
                self.wfile.write(json.dumps(body).encode())

        def _drip(self) -> None:
            try:
                while not over.wait(DRIP_SECONDS):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            except OSError:
                pass  # the client has left

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as address:
        try:
            yield f"http://{address}"
        finally:
            over.set()
