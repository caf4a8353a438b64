"""All metrics of a process in Prometheus' text format."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series, and Spanloop does not use them

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Gauges(Collector):
    """A collector of gauges that were made for this scrape."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(gauges: Iterable[Metric]) -> bytes:
    """The counters and histograms of all worker processes, and `gauges` of this process, as bytes."""
    return generate_latest(_counted()) + generate_latest(Gauges(gauges))


def _counted() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
