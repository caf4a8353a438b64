"""The metrics of an extractor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric

from service.metrics.gauges import single
from service.metrics.labels import Capped
from service.model.spans import Span

LABELS_MAX = 50

QUEUE_WAIT = Histogram(
    "spanloop_queue_wait_seconds",
    "Seconds from a text's arrival to the start of its first batch.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 75, 90, 120),
)
BATCH_ITEMS = Histogram(
    "spanloop_batch_items",
    "Windows in a batch; a window is a text or a piece of a long text.",
    buckets=(1, 2, 4, 8, 16, 24, 32),
)
BATCH_TOKENS = Histogram(
    "spanloop_batch_tokens",
    "Sub-tokens in a batch, including those of the labels, without padding.",
    buckets=(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192),
)
BATCH_SECONDS = Histogram(
    "spanloop_batch_duration_seconds",
    "Seconds that the model took for a batch.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ENTITIES = Counter(
    "spanloop_entities_total",
    f"Spans found, by the wording of their label; other: all labels after the first {LABELS_MAX}.",
    ["label"],
)
SCORES = Histogram(
    "spanloop_entity_score",
    "The model's probability of the spans found, 0 to 1.",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
)

_label = Capped(LABELS_MAX)


def ran(tokens: Iterable[int], seconds: float) -> None:
    """Count a batch: `tokens` are the sub-tokens of each window, `seconds` the time that the model took."""
    sizes = list(tokens)
    BATCH_ITEMS.observe(len(sizes))
    BATCH_TOKENS.observe(sum(sizes))
    BATCH_SECONDS.observe(seconds)


def found(spans: Iterable[Span]) -> None:
    """Count the spans of one text."""
    for span in spans:
        ENTITIES.labels(_label(span.label)).inc()
        SCORES.observe(span.score)


def gauges(queued: int, load_seconds: float | None) -> Iterator[Metric]:
    """The gauges of an extractor. `load_seconds` is None before a model is loaded."""
    yield single("spanloop_texts_queued", "Texts that wait for the model or are being worked on.", queued)
    yield single("spanloop_model_load_seconds", "Seconds that loading and checking the model took.", load_seconds)
