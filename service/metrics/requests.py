"""Metrics of requests by route: by a path that the code defines, never by the path of a request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric

from service.metrics.gauges import gauge

REQUESTS = Counter("spanloop_requests_total", "Requests answered, by route and status.", ["route", "status"])
DURATION = Histogram(
    "spanloop_request_duration_seconds",
    "Seconds from a request's first byte to its answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90),
)

_lock = threading.Lock()
_running: dict[str, int] = {}


def expect(route: str) -> None:
    """Let the exposition show a route that has had no request."""
    with _lock:
        _running.setdefault(route, 0)


@contextmanager
def in_flight(route: str) -> Iterator[None]:
    """Count a request as being answered while the context lasts."""
    _add(route, 1)
    try:
        yield
    finally:
        _add(route, -1)


def running() -> Metric:
    """The gauge of requests that this process is answering, by route."""
    with _lock:
        values = {(route,): float(count) for route, count in _running.items()}
    return gauge("spanloop_requests_in_flight", "Requests that are being answered, by route.", values, "route")


def _add(route: str, count: int) -> None:
    with _lock:
        _running[route] = _running.get(route, 0) + count
