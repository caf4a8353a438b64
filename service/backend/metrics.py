"""The counters and histograms of a backend. `gauges` has the gauges."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

TEXTS = Counter("spanloop_texts_total", "Tasks for which a prediction was requested, by result.", ["result"])
EXTRACTOR_WAIT = Histogram(
    "spanloop_extractor_wait_seconds",
    "Seconds from a question to the extractor's answer, including the wait for a pod.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 75, 90, 120),
)
WAKEUPS = Counter(
    "spanloop_wakeups_total",
    "How often a question woke the extractor from zero, by what came first: an answer or a question that was given up.",
    ["outcome"],
)
SLEEPS = Counter("spanloop_sleeps_total", "How often the extractor was scaled to zero.")
ROLLOUTS = Counter("spanloop_rollouts_total", "Rollouts of another version, by outcome.", ["outcome"])

# Each series starts at 0: otherwise Prometheus sees no increase at its first event.
for _counter, _values in (
    (TEXTS, ("predicted", "unread", "failed")),
    (WAKEUPS, ("answered", "timed_out")),
    (ROLLOUTS, ("done", "undone")),
):
    for _value in _values:
        _counter.labels(_value)
