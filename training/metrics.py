"""The metrics of a training run, which Prometheus reads from the run's pod while it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from service.metrics.gauges import gauge, single
from service.runs.run import PHASES, Run

STEPS = Counter("spanloop_training_steps_total", "Optimizer steps that this process has done.")
EXAMPLES = Counter("spanloop_training_examples_total", "Examples in those steps, including replayed ones.")
LOSS = Gauge(
    "spanloop_training_loss",
    "Loss per example at the last step; NaN before the first step and if the loss was not finite.",
    multiprocess_mode="mostrecent",
)
LOSS.set(math.nan)
STEP_SECONDS = Histogram(
    "spanloop_training_step_duration_seconds",
    "Seconds per optimizer step.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def stepped(examples: int, loss: float) -> None:
    """Count a step of the optimizer; `loss` is per example."""
    STEPS.inc()
    EXAMPLES.inc(examples)
    LOSS.set(loss)


def gauges(run: Run) -> Iterator[Metric]:
    """The gauges of a run: its phase and its progress."""
    phases = {(phase,): float(phase == run.phase) for phase in PHASES}
    yield gauge("spanloop_training_phase", "1 for the phase that the run is in, 0 for the others.", phases, "phase")
    yield single("spanloop_training_progress_ratio", "Progress of the run, 0 to 1.", run.percent / 100)
