"""What a training run counts, and how it stands: Prometheus reads it from a run's pod while it lives."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from service.metrics.gauges import gauge, single
from service.runs.run import PHASES, Run

STEPS = Counter("spanloop_training_steps_total", "Steps of the optimizer that this process did.")
EXAMPLES = Counter("spanloop_training_examples_total", "Examples in those steps, replayed ones included.")
LOSS = Gauge(
    "spanloop_training_loss",
    "Loss an example at the last step; NaN before the first, and where it was not finite.",
    multiprocess_mode="mostrecent",
)
LOSS.set(math.nan)
STEP_SECONDS = Histogram(
    "spanloop_training_step_duration_seconds",
    "Seconds of a step of the optimizer.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def stepped(examples: int, loss: float) -> None:
    """A step was done."""
    STEPS.inc()
    EXAMPLES.inc(examples)
    LOSS.set(loss)


def gauges(run: Run) -> Iterator[Metric]:
    """How a run stands."""
    phases = {(phase,): float(phase == run.phase) for phase in PHASES}
    yield gauge("spanloop_training_phase", "1 for the phase that the run is in, 0 for the others.", phases, "phase")
    yield single("spanloop_training_progress_ratio", "How far the run is, from 0 to 1.", run.percent / 100)
