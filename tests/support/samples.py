"""Reads metrics in tests: an exposition as Prometheus parses it, and the counters of this process."""

from __future__ import annotations

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """One parsed exposition: types, labels and samples by name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.types: dict[str, str] = {}
        """Types by a metric's name: with _total, without _bucket."""
        self.labels: dict[str, set[str]] = {}
        """Label names of all samples of a metric, except le."""
        self._samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert name not in self.types, f"the exposition has {name} twice"
            self.types[name] = family.type
            self.labels[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
            for sample in family.samples:
                place = tuple(sorted(sample.labels.items()))
                assert place not in self._samples.setdefault(sample.name, {}), f"the exposition has {sample} twice"
                self._samples[sample.name][place] = sample.value

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None if there is no such sample."""
        return self._samples.get(name, {}).get(tuple(sorted(labels.items())))

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """The samples of a metric by their label values, which are in the order of the label names."""
        samples = self._samples.get(name, {})
        return {tuple(value for _, value in labels): number for labels, number in samples.items()}

    @property
    def own(self) -> set[str]:
        """Names of Spanloop's own metrics."""
        return {name for name in self.types if name.startswith("spanloop_")}

    @property
    def series(self) -> int:
        """Number of samples."""
        return sum(len(samples) for samples in self._samples.values())


def counted(name: str, **labels: str) -> float:
    """The value of a sample of this process; 0 if there is no such sample."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Growth:
    """How much samples have grown since its creation: `grown("spanloop_errors_total", cause="deadline")`."""

    def __init__(self) -> None:
        self._before = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return counted(name, **labels) - self._before.get((name, tuple(sorted(labels.items()))), 0.0)
