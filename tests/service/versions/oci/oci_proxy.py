"""What stands between client and registry, and fails on demand."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.oci_registry import serving


@dataclass
class Exchange:
    """A request on its way, and its answer."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    answer: bytes = b""


class Cut(Exception):
    """The connection ends here."""


Fault = Callable[["Proxy", Exchange], None]
"""Forwards the exchange or not, and changes it as it likes."""


@dataclass
class Proxy:
    """Passes everything on to the registry, but for its faults."""

    upstream: str
    host: str = ""
    faults: list[tuple[str, str, Fault]] = field(default_factory=list)
    """Method, a part of the path, and what happens to the next such request; each happens once."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    received: int = 0
    """Bytes of all request bodies that came whole."""
    sent: list[Exchange] = field(default_factory=list)

    def fail(self, method: str, part: str, fault: Fault, times: int = 1) -> None:
        self.faults += [(method, part, fault)] * times

    def fault_for(self, method: str, path: str) -> Fault | None:
        for number, (wanted, part, fault) in enumerate(self.faults):
            if wanted == method and part in path:
                del self.faults[number]
                return fault
        return None

    def forward(self, exchange: Exchange) -> None:
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        try:
            connection.request(exchange.method, exchange.path, exchange.body or None, exchange.headers)
            answer = connection.getresponse()
            exchange.status, exchange.answer = answer.status, answer.read()
            exchange.answer_headers = answer.getheaders()
        finally:
            connection.close()

    def count(self, method: str, part: str) -> int:
        return sum(asked == method and part in path for asked, path in self.asked)


def status(code: int, **headers: str) -> Fault:
    def fault(proxy: Proxy, exchange: Exchange) -> None:
        exchange.status = code
        exchange.answer_headers = [(name.replace("_", "-"), value) for name, value in headers.items()]

    return fault


def answered(body: bytes, **headers: str) -> Fault:
    def fault(proxy: Proxy, exchange: Exchange) -> None:
        status(200, **headers)(proxy, exchange)
        exchange.answer = body

    return fault


def corrupt_answer(proxy: Proxy, exchange: Exchange) -> None:
    proxy.forward(exchange)
    middle = len(exchange.answer) // 2
    exchange.answer = exchange.answer[:middle] + bytes([exchange.answer[middle] ^ 1]) + exchange.answer[middle + 1 :]


def corrupt_request(proxy: Proxy, exchange: Exchange) -> None:
    exchange.body = bytes([exchange.body[0] ^ 1]) + exchange.body[1:]
    proxy.forward(exchange)


def lose_answer(proxy: Proxy, exchange: Exchange) -> None:
    """The registry does it, and nobody learns."""
    proxy.forward(exchange)
    raise Cut


def without_authorization(proxy: Proxy, exchange: Exchange) -> None:
    """To the registry as if the token had expired: it answers with its challenge."""
    exchange.headers = {name: value for name, value in exchange.headers.items() if name.lower() != "authorization"}
    proxy.forward(exchange)


def cut_answer(proxy: Proxy, exchange: Exchange) -> None:
    """Half the answer comes, under a header that promises all of it."""
    proxy.forward(exchange)
    exchange.answer_headers = [*exchange.answer_headers, ("X-Cut", "half")]


def cut_request(proxy: Proxy, exchange: Exchange) -> None:
    """The connection ends in the middle of the request's body; `proxied` acts on it before the body is read."""
    raise Cut


@contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            proxy.asked.append((self.command, self.path))
            fault = proxy.fault_for(self.command, self.path)
            length = int(self.headers.get("content-length") or 0)
            if fault is cut_request:
                self.rfile.read(length // 2)
                return self._cut()
            body = self.rfile.read(length)
            proxy.received += len(body)
            exchange = Exchange(self.command, self.path, dict(self.headers.items()), body)
            proxy.sent.append(exchange)
            try:
                (fault or Proxy.forward)(proxy, exchange)
            except (Cut, OSError):
                return self._cut()
            return self._answer(exchange)

        def _answer(self, exchange: Exchange) -> None:
            self.send_response(exchange.status)
            length = str(len(exchange.answer))
            for name, value in exchange.answer_headers:
                if name.lower() == "content-length":
                    length = value
                elif name.lower() not in ("transfer-encoding", "connection", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            half = any(name == "X-Cut" for name, _ in exchange.answer_headers)
            if self.command != "HEAD":
                self.wfile.write(exchange.answer[: len(exchange.answer) // 2] if half else exchange.answer)
            if half:
                self.wfile.flush()
                self._cut()

        def _cut(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as host:
        proxy.host = host
        yield proxy
