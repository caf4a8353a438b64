"""Counts errors by cause."""

from __future__ import annotations

from prometheus_client import Counter

from service.errors import Cause

ERRORS = Counter(
    "spanloop_errors_total",
    "Failed requests, texts and background checks, by cause.",
    ["cause"],
)
for _cause in Cause:
    ERRORS.labels(_cause)  # each series starts at 0: otherwise Prometheus would not see the first error as an increase


def count(cause: Cause, times: int = 1) -> None:
    """Count `times` errors with this cause."""
    ERRORS.labels(cause).inc(times)
