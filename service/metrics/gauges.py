"""Gauges that are made at each scrape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily

from service.metrics.labels import legible

PlaceT = TypeVar("PlaceT", bound=tuple[str, ...])


def gauge(name: str, meaning: str, values: Mapping[PlaceT, float], *labels: str) -> GaugeMetricFamily:
    """A gauge by the values of its labels; empty where there is nothing to tell."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for place, value in values.items():
        family.add_metric(place, value)
    return family


def single(name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    """A gauge without labels; None: there is nothing to tell."""
    family = gauge(name, meaning, {})
    if value is not None:
        family.add_metric((), value)
    return family


def live_version(version: str | None) -> GaugeMetricFamily:
    """The version that answers; None before the first is loaded."""
    values = {(legible(version),): 1.0} if version else {}
    return gauge("spanloop_live_version_info", "1 for the version that answers.", values, "version")
