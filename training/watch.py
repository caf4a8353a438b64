"""What a run in a pod shows: an HTTP server while it runs, and a termination message when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from service.metrics.exposition import MEDIA_TYPE, exposition
from service.runs.run import Run
from training import metrics

TERMINATION_MESSAGE_BYTES = 4096
"""The longest termination message. Kubernetes keeps only the end of a longer one, and that is no JSON."""


@contextmanager
def answering(port: int, run: Callable[[], Run]) -> Iterator[None]:
    """Answer GET /progress (the run as JSON) and GET /metrics on a port until the context ends.

    Raises OSError if the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/progress":
                self._answer(200, "application/json", run().model_dump_json().encode())
            elif self.path == "/metrics":
                self._answer(200, MEDIA_TYPE, exposition(metrics.gauges(run())))
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


def last_words(run: Run) -> str:
    """A run as JSON of at most TERMINATION_MESSAGE_BYTES: long fields are left out or cut."""
    for shortened in (run, _without_labels(run), _without_labels(run).model_copy(update={"fingerprint": ""})):
        words = shortened.model_dump_json(exclude_defaults=True)
        if len(words.encode()) <= TERMINATION_MESSAGE_BYTES:
            return words
    room = (
        TERMINATION_MESSAGE_BYTES
        - len(shortened.model_copy(update={"message": ""}).model_dump_json(exclude_defaults=True))
        - 100
    )
    cut = run.message.encode()[: max(room // 2, 0)].decode(errors="ignore") + " …"
    return shortened.model_copy(update={"message": cut}).model_dump_json(exclude_defaults=True)


def leave(run: Run, path: Path) -> None:
    """Write a run's last words to the file of the termination message. Raises OSError."""
    path.write_text(last_words(run), encoding="utf-8")


def _without_labels(run: Run) -> Run:
    scores = {name: score.model_copy(update={"per_label": {}, "support": {}}) for name, score in run.scores.items()}
    return run.model_copy(update={"scores": scores})
