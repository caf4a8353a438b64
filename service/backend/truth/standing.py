"""How a version stands by people's work, how sure that is, and whether it is worse than another. Pure functions.

People's work comes in tasks, and the spans of one task are alike: whoever accepts one span of a text tends to accept
the next. So tasks are the sample, not spans. The variance of a share over tasks of different sizes is that of a ratio
estimator (Cochran 1977, Sampling Techniques, section 6.4, as Rao and Scott 1992, Biometrics 48, use it for clusters).
It is never taken to be smaller than that of as many independent spans, with one hit and one miss more (Agresti and
Coull 1998): else a version all of whose spans were kept would be certain to be perfect.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from service.backend.truth.ledger import Contribution
from service.backend.truth.outcomes import Outcome

Z = 1.96
"""Standard errors on each side of a 95% interval."""

TASKS_MIN = 50
"""So many tasks of each of two versions, at least, are compared: before that the normal distribution fits badly."""


class Share(NamedTuple):
    """A share of something, estimated from tasks."""

    value: float
    variance: float

    @property
    def margin(self) -> float:
        """Half the length of the 95% interval."""
        return Z * math.sqrt(self.variance)


class Standing(NamedTuple):
    """What people's work says of one version."""

    version: str
    tasks: int
    """Number of tasks with work that began with its predictions."""
    spans: Mapping[Outcome, int]
    acceptance: Share | None
    """The share of its spans that people kept as they were; None where it predicted none, or of one task alone."""
    f1: Share | None
    """Strict micro F1 of its predictions, with people's annotations as the gold ones; None likewise."""

    @property
    def made(self) -> float | None:
        """The share of their spans that people had to make themselves; None where they have none."""
        annotated = sum(self.spans[outcome] for outcome in ("accepted", "moved", "relabelled", "missed"))
        return self.spans["missed"] / annotated if annotated else None


def standings(tasks: Iterable[Sequence[Contribution]]) -> dict[str, Standing]:
    """The standings of all versions by name; `tasks` are the contributions of each task."""
    of: defaultdict[str, list[Counter[Outcome]]] = defaultdict(list)
    for contributions in tasks:
        for version, spans in _by_version(contributions).items():
            of[version].append(spans)
    return {version: _standing(version, spans) for version, spans in of.items()}


def fall(live: Standing | None, before: Standing | None) -> float | None:
    """The probability that a version's acceptance is below that of the version before it.

    By the normal approximation of the difference of two independent shares. None where one of them has fewer than
    TASKS_MIN tasks, or no acceptance.
    """
    if live is None or before is None or min(live.tasks, before.tasks) < TASKS_MIN:
        return None
    if live.acceptance is None or before.acceptance is None:
        return None
    difference = before.acceptance.value - live.acceptance.value
    deviation = math.sqrt(before.acceptance.variance + live.acceptance.variance)
    return 0.5 * (1.0 + math.erf(difference / deviation / math.sqrt(2.0)))


def _by_version(contributions: Sequence[Contribution]) -> Mapping[str, Counter[Outcome]]:
    found: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    for version, counts in contributions:
        spans = found[version]
        for place, number in counts:
            spans[place.outcome] += number
    return found


def _standing(version: str, tasks: Sequence[Counter[Outcome]]) -> Standing:
    spans: Counter[Outcome] = Counter()
    for of_task in tasks:
        spans.update(of_task)
    accepted = [(of_task["accepted"], _predicted(of_task)) for of_task in tasks]
    both = [(of_task["accepted"], (_predicted(of_task) + _annotated(of_task)) / 2) for of_task in tasks]
    return Standing(version, len(tasks), spans, share(accepted), share(both))


def _predicted(spans: Counter[Outcome]) -> int:
    return spans["accepted"] + spans["moved"] + spans["relabelled"] + spans["removed"]


def _annotated(spans: Counter[Outcome]) -> int:
    return spans["accepted"] + spans["moved"] + spans["relabelled"] + spans["missed"]


def share(tasks: Sequence[tuple[float, float]]) -> Share | None:
    """The share of hits, by (hits, trials) of each task; None without trials, or with a single task."""
    hits, trials = sum(hit for hit, _ in tasks), sum(tried for _, tried in tasks)
    if not trials or len(tasks) < 2:
        return None
    value, smoothed = hits / trials, (hits + 1) / (trials + 2)
    residuals = sum((hit - value * tried) ** 2 for hit, tried in tasks)
    among = len(tasks) / (len(tasks) - 1) * residuals / trials**2
    return Share(value, max(among, smoothed * (1 - smoothed) / trials))
