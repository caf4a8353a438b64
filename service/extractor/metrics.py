"""What an extractor counts, and how it stands."""

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
    "Seconds from a text's arrival to the start of the first batch that it is in.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 75, 90, 120),
)
BATCH_ITEMS = Histogram(
    "spanloop_batch_items", "Windows (a text, or a piece of a long one) in a batch.", buckets=(1, 2, 4, 8, 16, 24, 32)
)
BATCH_TOKENS = Histogram(
    "spanloop_batch_tokens",
    "Sub-tokens in a batch, those of the labels included, padding not.",
    buckets=(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192),
)
BATCH_SECONDS = Histogram(
    "spanloop_batch_duration_seconds",
    "Seconds that the model took for a batch.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ENTITIES = Counter(
    "spanloop_entities_total",
    f"Spans found, by label as the model is asked for it; other: all but the first {LABELS_MAX} labels.",
    ["label"],
)
SCORES = Histogram(
    "spanloop_entity_score",
    "The model's probability of the spans found.",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
)

_label = Capped(LABELS_MAX)


def ran(tokens: Iterable[int], seconds: float) -> None:
    """The model ran a batch of windows of so many sub-tokens."""
    sizes = list(tokens)
    BATCH_ITEMS.observe(len(sizes))
    BATCH_TOKENS.observe(sum(sizes))
    BATCH_SECONDS.observe(seconds)


def found(spans: Iterable[Span]) -> None:
    """A text was answered with these spans."""
    for span in spans:
        ENTITIES.labels(_label(span.label)).inc()
        SCORES.observe(span.score)


def gauges(queued: int, load_seconds: float | None) -> Iterator[Metric]:
    """How an extractor stands. None: no model is loaded yet."""
    yield single("spanloop_texts_queued", "Texts that wait for the model or run.", queued)
    yield single("spanloop_model_load_seconds", "Seconds that it took to load and check the model.", load_seconds)
