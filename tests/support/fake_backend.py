"""A backend over HTTP that answers a pre-labelling, and how it stands, from memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from service import __version__

VERSION = "base.111111"


class FakeBackend:
    """Answers with an empty prediction for each text."""

    def __init__(self) -> None:
        self.url = ""
        self.health: Any = {"status": "UP", "model_class": "Spanloop", "release": __version__, "model_version": VERSION}
        """What it says of itself."""
        self.lookers: list[tuple[str, str]] = []
        """By which host, and with which authorization, it was asked for that."""
        self.authorizations: set[str] = set()
        self.asked: list[list[str]] = []
        """The texts of each request for predictions."""
        self.status: Callable[[list[str]], int] = lambda texts: 200
        """The status that a request with some texts is answered with; 0: the connection is broken off."""

        self.error: Callable[[list[str], str], str] = lambda texts, text: ""
        """Why a text of a request has no result; empty: it has one."""

    def answer(self, path: str, sent: Any) -> tuple[int, Any]:
        if path == "/model_version":
            return 200, {"model_version": VERSION}
        texts = [task["data"]["text"] for task in sent["tasks"]]
        self.asked.append(texts)
        status = self.status(texts)
        if status != 200:
            return status, {"error": f"request {len(self.asked)}"}
        return 200, {"results": [self._item(texts, text) for text in texts]}

    def _item(self, texts: list[str], text: str) -> dict[str, Any]:
        error = self.error(texts, text)
        return {**({"error": error} if error else {"result": []}), "score": 0.5, "model_version": VERSION}


@contextmanager
def serving() -> Iterator[FakeBackend]:
    """Serve one on a local port for as long as the context lasts."""
    state = FakeBackend()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.lookers.append((self.headers.get("host", ""), self.headers.get("authorization", "")))
            self._send(200, state.health)

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.authorizations.add(self.headers.get("authorization", ""))
            status, body = state.answer(self.path, sent)
            if status:
                self._send(status, body)

        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
