"""Shared by the metrics of all parts. Each part defines its metrics beside its code; docs/metrics.md lists all of them.

Counters and histograms are objects of prometheus_client; under `bentoml serve` shared files keep them after a worker
has ended. Gauges are made at each scrape and stored nowhere, so no gauge outlives what it describes. Label values are
names from the code, paths of routes, or text that `labels` shortens.
"""
