"""What a program in a Job's pod shows: an HTTP server while it runs, and a termination message when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

from prometheus_client.metrics_core import Metric

from service.metrics.exposition import MEDIA_TYPE, exposition

TERMINATION_MESSAGE_BYTES = 4096
"""The longest termination message. Kubernetes keeps only the end of a longer one, and that is no JSON."""


@contextmanager
def answering(
    port: int,
    progress: Callable[[], str],
    gauges: Callable[[], Iterable[Metric]],
    requests: Mapping[str, Callable[[], None]] = MappingProxyType({}),
) -> Iterator[None]:
    """Answer GET /progress (JSON) and GET /metrics (the counters of this process and `gauges`) until the context ends.

    A POST to a path in `requests` calls what stands there, in a thread of its own. Raises OSError if the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/progress":
                self._answer(200, "application/json", progress().encode())
            elif self.path == "/metrics":
                self._answer(200, MEDIA_TYPE, exposition(gauges()))
            else:
                self._answer(404, "application/json", b'{"error": "Not Found"}')

        def do_POST(self) -> None:
            request = requests.get(self.path)
            if request:
                request()
                self._answer(202, "application/json", b"{}")
            else:
                self._answer(404, "application/json", b'{"error": "Not Found"}')

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log no requests: the backend and Prometheus poll often."""

    server = ThreadingHTTPServer(("", port), Handler)
    thread = threading.Thread(target=server.serve_forever, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
