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


def live_version(version: str | None, answers: bool = True) -> GaugeMetricFamily:
    """The gauge of the live version; without a sample before the first version is loaded."""
    values = {(legible(version),): float(answers)} if version else {}
    meaning = "1 for the version that answers; 0 for the live version while nothing answers."
    return gauge("spanloop_live_version_info", meaning, values, "version")
