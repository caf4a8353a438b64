"""What all parts' metrics have in common. Each part defines its own beside its code; docs/metrics.md lists them all.

What only grows (counters, histograms) is Prometheus' own; under `bentoml serve` it outlives a worker process in shared
files. How things stand (gauges) is asked of this process at each scrape and kept nowhere, so that what is gone leaves
the exposition with it. Labels are bounded: names of the code, a route's own path, never what somebody sent as it is.
"""
