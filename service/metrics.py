"""This project's own metrics, with bounded labels: routes by name, versions, never a raw path."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("spanloop_requests_total", "Requests answered, by route and status.", ["route", "status"])
SECONDS = Histogram(
    "spanloop_request_duration_seconds",
    "Seconds from a request's first byte to its answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90),
)
TEXTS = Counter("spanloop_texts_total", "Texts that predictions were asked for, by how they ended.", ["result"])
ENTITIES = Counter("spanloop_entities_total", "Spans predicted.")
DEMAND = Gauge(
    "spanloop_extractor_demand",
    "Texts that this backend waits for the extractor with, also while there is no extractor: what to scale by.",
    multiprocess_mode="mostrecent",
)
QUEUED = Gauge("spanloop_texts_queued", "Texts that wait for the model or run.", multiprocess_mode="mostrecent")


MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition() -> bytes:
    """All metrics in Prometheus' text format, over all worker processes where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
