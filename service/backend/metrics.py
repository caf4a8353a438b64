"""What a backend counts. How it stands is in `gauges`."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

TEXTS = Counter("spanloop_texts_total", "Tasks that predictions were asked for, by how they ended.", ["result"])
EXTRACTOR_WAIT = Histogram(
    "spanloop_extractor_wait_seconds",
    "Seconds from a question to the extractor's answer, the wait for a pod included.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 75, 90, 120),
)
WAKEUPS = Counter(
    "spanloop_wakeups_total",
    "Times that a question took the extractor from zero, by what came first: an answer, or a question given up.",
    ["outcome"],
)
SLEEPS = Counter("spanloop_sleeps_total", "Times that the extractor was taken to zero.")
ROLLOUTS = Counter("spanloop_rollouts_total", "Rollouts of another version, by how they ended.", ["outcome"])

# 0 from the start: otherwise the first of them would be no increase.
for _counter, _values in (
    (TEXTS, ("predicted", "unread", "failed")),
    (WAKEUPS, ("answered", "timed_out")),
    (ROLLOUTS, ("done", "undone")),
):
    for _value in _values:
        _counter.labels(_value)
