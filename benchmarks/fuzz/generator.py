"""Makes requests: the same for the same seed and number."""

from __future__ import annotations

import json
import pickle
import random
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from starlette.routing import Route

from benchmarks.fuzz import examples, odd
from benchmarks.fuzz.request import Request

JSON = "application/json"
KINDS = [
    *(
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/octet-stream",
        "",
        "x",
        "/",
    ),
    *("application/vnd.bentoml+pickle", "application/json; charset=utf-16", "application/xml", "image/png", "\xff"),
]
ORIGINS = ["http://evil.example.com", "null", "http://[", "//", "http://127.0.0.1"]
DEPTH = 100_000


class Generator:
    """The requests to a service's routes."""

    def __init__(self, service: str, routes: Sequence[Route], seed: int) -> None:
        self._service = service
        self._routes = [(route.path, method) for route in routes for method in sorted(route.methods or ())]
        self._bodies = examples.bodies()
        self._seed = seed

    def request(self, number: int) -> Request:
        """The request of a number."""
        rng = random.Random(f"{self._seed} {self._service} {number}")
        weights = [6 if path in self._bodies else 1 for path, _ in self._routes]
        ((route, method),) = rng.choices(self._routes, weights)
        method = rng.choice(["GET", "PUT", "DELETE", "PATCH"]) if rng.random() < 0.02 else method
        path = re.sub(r"\{[^}]*\}", lambda _: quote(_parameter(rng), safe=""), route) + _query(route, rng)
        body = self._body(route, rng) if method != "GET" or rng.random() < 0.02 else b""
        return Request(self._service, method, route, path, _headers(rng), body)

    def _body(self, route: str, rng: random.Random) -> bytes:
        example = rng.choice(self._bodies.get(route, [{}]))
        kind = rng.random()
        if kind < 0.50:
            return _dumped(odd.mutated(example, rng))
        if kind < 0.60:
            return _dumped(odd.value(rng))
        if kind < 0.70:
            return _dumped({**example, "label_config": odd.config(rng), "schema": odd.config(rng)})
        if kind < 0.77:
            return _with_numbers(_dumped(example), rng)
        if kind < 0.80:
            return _dumped(odd.many(rng))
        return _no_json(_dumped(example), rng)


def _no_json(whole: bytes, rng: random.Random) -> bytes:
    """Bytes that are no JSON, or JSON that no program has room for."""
    return rng.choice(
        [
            lambda: b"[" * DEPTH,
            lambda: b'{"a":' * DEPTH,
            lambda: b'{"tasks": ' + b"[" * 900 + b"]" * 900 + b"}",
            lambda: pickle.dumps({"tasks": [print]}),
            lambda: rng.randbytes(rng.randint(1, 2_000)),
            lambda: whole[: rng.randrange(len(whole))],
            lambda: whole + whole,
            lambda: b"\xef\xbb\xbf" + whole,
            lambda: whole.decode().encode("utf-16"),
            lambda: (
                b"project=1&seen=&against=on&token=" + quote(rng.choice(odd.STRINGS)[:99], errors="replace").encode()
            ),
            lambda: b"",
        ]
    )()


def _with_numbers(whole: bytes, rng: random.Random) -> bytes:
    """JSON's text with other numbers in it, those among them that no double holds."""
    found = [*re.finditer(rb"(?<=[:\[,] )-?\d+(\.\d+)?", whole)]
    if not found:
        return b'{"threshold": ' + rng.choice(odd.TEXTUAL).encode() + b"}"
    begin, end = rng.choice(found).span()
    return whole[:begin] + rng.choice(odd.TEXTUAL).encode() + whole[end:]


def _dumped(given: Any) -> bytes:
    return json.dumps(given).encode()


def _parameter(rng: random.Random) -> str:
    odd_one = rng.choice(odd.STRINGS)[:200].encode("utf-8", "replace").decode()
    return rng.choice(["1", "run-0123456789", "style.css", "20260101-000000-abcdef", "9" * 30, odd_one]) or "0"


def _query(route: str, rng: random.Random) -> str:
    if route == "/extract":
        return f"?seconds={rng.choice(['5', '5', '5', 'nan', '-1', '1e999', '', 'x'])}"
    return rng.choice(["", "", "?fragment", "?fragment=%00&x=%ff"])


def _headers(rng: random.Random) -> dict[str, str]:
    kind = JSON if rng.random() < 0.85 else rng.choice(KINDS)
    found = {"content-type": kind, "host": rng.choice(["127.0.0.1"] * 9 + ["x" * 300])}
    if rng.random() < 0.03:
        found["origin"] = rng.choice(ORIGINS)
    if rng.random() < 0.03:
        found["authorization"] = rng.choice(["Basic", "Basic x", "Bearer \xff", "Basic " + "e" * 5_000])
    return found
