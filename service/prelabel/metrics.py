"""The metrics of a pre-labelling, which Prometheus reads from its pod while it runs."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from service.metrics.gauges import single
from service.prelabel.progress import Prelabelling


def families(stands: Prelabelling) -> Iterator[Metric]:
    """What a process has done so far, and how far it is."""
    tasks = CounterMetricFamily(
        "spanloop_prelabel_worker_tasks", "Tasks that this process has done, by what became of them.", labels=["result"]
    )
    for result, count in (("written", stands.written), ("skipped", stands.skipped), ("failed", stands.failed)):
        tasks.add_metric([result], count)
    yield tasks
    yield single("spanloop_prelabel_worker_progress_ratio", "Progress of this process, 0 to 1.", stands.percent / 100)
