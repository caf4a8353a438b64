"""All metrics of a process in Prometheus' text format."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # as many series again, of no use here

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Gauges(Collector):
    """Gauges as they stand now."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(gauges: Iterable[Metric]) -> bytes:
    """What was counted, over all worker processes where there are several, and the gauges of this one."""
    return generate_latest(_counted()) + generate_latest(Gauges(gauges))


def _counted() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
