"""Metrics as tests read them: an exposition as Prometheus would parse it, and what a process has counted."""

from __future__ import annotations

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """What one scrape gave: types and samples by the samples' names."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.types: dict[str, str] = {}
        """By the name that the exposition gives: with _total, without _bucket."""
        self.labels: dict[str, set[str]] = {}
        """The names of the labels of all samples, le aside."""
        self._samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert name not in self.types, f"{name} is there twice"
            self.types[name] = family.type
            self.labels[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
            for sample in family.samples:
                place = tuple(sorted(sample.labels.items()))
                assert place not in self._samples.setdefault(sample.name, {}), f"{sample} is there twice"
                self._samples[sample.name][place] = sample.value

    def __call__(self, name: str, **labels: str) -> float | None:
        """A sample's value; None where there is none."""
        return self._samples.get(name, {}).get(tuple(sorted(labels.items())))

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """A metric's samples by the values of their labels, in the order of the labels' names."""
        return {tuple(value for _, value in place): found for place, found in self._samples.get(name, {}).items()}

    @property
    def own(self) -> set[str]:
        """The names of this project's metrics."""
        return {name for name in self.types if name.startswith("spanloop_")}

    @property
    def series(self) -> int:
        return sum(len(found) for found in self._samples.values())


def counted(name: str, **labels: str) -> float:
    """What this process has counted by now; 0 for nothing."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Growth:
    """What is counted from now on: `grown("spanloop_errors_total", cause="deadline")`."""

    def __init__(self) -> None:
        self._before = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return counted(name, **labels) - self._before.get((name, tuple(sorted(labels.items()))), 0.0)
