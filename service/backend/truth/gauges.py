"""People's work for Prometheus.

These are gauges: an annotation that is edited or deleted takes its counts along, so a total may fall. A counter that
falls reads as one that began anew, and Prometheus would add the whole total once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import Metric

from service.backend.truth.acceptance import Acceptance
from service.backend.truth.places import Place
from service.metrics.gauges import gauge, single
from service.metrics.labels import OTHER, legible
from service.model.fates import Fate

LABELS_MAX = 50
"""So many labels of a project and a version, those with most spans, are told by name, and all others as `other`."""


def families(acceptance: Acceptance) -> Iterator[Metric]:
    """The gauges of the versions that were live last, as of the last look."""
    totals, told = acceptance.reconciliation.totals, acceptance.versions
    spans: Counter[tuple[str, str, str, str]] = Counter()
    for where, tally in totals.tallies.items():
        if where.version in told:
            for (label, fate), number in _named(+tally.spans).items():
                spans[str(where.project), legible(where.version), label, fate] += number
    yield gauge(
        "spanloop_annotated_spans",
        "Spans in tasks that people annotated, by what became of them.",
        spans,
        "project",
        "version",
        "label",
        "fate",
    )
    yield gauge(
        "spanloop_annotated_tasks",
        "Tasks whose annotations began with a version's predictions.",
        {
            (str(one.project), legible(one.version)): of.tasks
            for one, of in totals.tallies.items()
            if one.version in told
        },
        "project",
        "version",
    )
    yield gauge(
        "spanloop_version_acceptance_ratio",
        "Share of a version's spans that people kept as they were.",
        {
            (legible(version),): standing.acceptance.value
            for version, standing in totals.standings.items()
            if version in told and standing.acceptance
        },
        "version",
    )
    yield single(
        "spanloop_acceptance_fall_probability",
        "Probability that people keep fewer of the live version's spans than of those of the version before it.",
        acceptance.fall,
    )
    yield single(
        "spanloop_annotations_compared_timestamp_seconds",
        "When the annotations of all projects were last compared with predictions.",
        totals.at.timestamp() if totals.at else None,
    )


def _named(counts: Mapping[Place, int]) -> Counter[tuple[str, str]]:
    """The counts by label and fate as label values, with a 0 where a label has no spans of a fate."""
    sizes: Counter[str] = Counter()
    for place, number in counts.items():
        sizes[legible(place.label)] += number
    kept = {label for label, _ in sorted(sizes.items(), key=lambda one: (-one[1], one[0]))[:LABELS_MAX]}
    found: Counter[tuple[str, str]] = Counter()
    for place, number in counts.items():
        label = legible(place.label)
        shown = label if label in kept else OTHER
        found.update({(shown, fate): number if fate is place.fate else 0 for fate in Fate})
    return found
