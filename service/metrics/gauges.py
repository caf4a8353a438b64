"""Makes gauges at each scrape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily

from service.metrics.labels import legible

PlaceT = TypeVar("PlaceT", bound=tuple[str, ...])


def gauge(name: str, meaning: str, values: Mapping[PlaceT, float], *labels: str) -> GaugeMetricFamily:
    """A gauge with a value for each combination of label values. Without `values` it has no samples."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for place, value in values.items():
        family.add_metric(place, value)
    return family


def single(name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    """A gauge without labels. If `value` is None it has no sample."""
    family = gauge(name, meaning, {})
    if value is not None:
        family.add_metric((), value)
    return family


def live_version(version: str | None) -> GaugeMetricFamily:
    """The gauge of the version that answers; without a sample before the first version is loaded."""
    values = {(legible(version),): 1.0} if version else {}
    return gauge("spanloop_live_version_info", "1 for the version that answers.", values, "version")
