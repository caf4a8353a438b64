"""What could not be answered, by cause."""

from __future__ import annotations

from prometheus_client import Counter

from service.errors import Cause

ERRORS = Counter(
    "spanloop_errors_total",
    "Requests, texts and looks after runs and versions that ended in an error, each where it arose, by cause.",
    ["cause"],
)
for _cause in Cause:
    ERRORS.labels(_cause)  # 0 from the start: otherwise the first error would be no increase


def count(cause: Cause, times: int = 1) -> None:
    """Something could not be answered."""
    ERRORS.labels(cause).inc(times)
