"""Sums over the tasks of one version, from which all of its figures follow.

A task can be taken out again exactly, since all sums are whole numbers. So an edited annotation costs no recount.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from service.backend.truth.places import Place
from service.model.fates import Fate

Z = 1.96
"""Standard errors on each side of a 95% interval."""


class Share(NamedTuple):
    """A share of something, estimated from tasks."""

    value: float
    variance: float

    @property
    def margin(self) -> float:
        """Half the length of the 95% interval."""
        return Z * math.sqrt(self.variance)


class Numbers(NamedTuple):
    """The spans of one task."""

    right: int
    predicted: int
    annotated: int


@dataclass
class Tally:
    """The sums. A task with the work of several people is one task."""

    tasks: int = 0
    spans: Counter[Place] = field(default_factory=Counter)
    squares: Counter[tuple[int, int]] = field(default_factory=Counter)
    """The sums of the products of two of a task's Numbers, by their places in it, the smaller place first."""

    def add(self, spans: Mapping[Place, int]) -> None:
        """Count a task."""
        self._count(spans, 1)

    def remove(self, spans: Mapping[Place, int]) -> None:
        """Take a task out that was counted with these spans."""
        self._count(spans, -1)

    def _count(self, spans: Mapping[Place, int], times: int) -> None:
        self.tasks += times
        for place, number in spans.items():
            self.spans[place] += times * number
        numbers = numbers_of(spans)
        for one in range(len(numbers)):
            for other in range(one, len(numbers)):
                self.squares[one, other] += times * numbers[one] * numbers[other]

    @property
    def fates(self) -> Counter[Fate]:
        """The number of spans of each fate, of all labels."""
        return _fates(self.spans)

    @property
    def acceptance(self) -> Share | None:
        """The share of the predicted spans that people kept as they were. None without any, and of a single task."""
        right, predicted, _ = numbers_of(self.spans)
        residuals = self._residuals(right, predicted, (0, 1, 0))
        return _share(right, predicted, residuals, self.tasks, lambda share: share * (1 - share))

    @property
    def f1(self) -> Share | None:
        """Strict micro F1: right spans as a share of the mean of predicted and annotated ones. None likewise."""
        right, predicted, annotated = numbers_of(self.spans)
        both = (predicted + annotated) / 2
        residuals = self._residuals(right, both, (0, 0.5, 0.5))
        return _share(right, both, residuals, self.tasks, lambda share: share * (1 - share) * (1 - share / 2))

    def _residuals(self, hits: int, trials: float, weights: tuple[float, float, float]) -> float:
        """The sum over the tasks of (hits - share * trials)²; a task's trials are its Numbers with these weights."""
        share = hits / trials if trials else 0.0
        factors = [(place == 0) - share * weight for place, weight in enumerate(weights)]
        terms = (
            (1 if one == other else 2) * factors[one] * factors[other] * total
            for (one, other), total in self.squares.items()
        )
        return max(0.0, sum(terms))


def added(tallies: Iterable[Tally]) -> Tally:
    """The tally of the tasks of several, which have no task in common."""
    total = Tally()
    for tally in tallies:
        total.tasks += tally.tasks
        total.spans.update(tally.spans)
        total.squares.update(tally.squares)
    return total


def numbers_of(spans: Mapping[Place, int]) -> Numbers:
    """How many spans were right, predicted and annotated."""
    of = _fates(spans)
    pairs = of[Fate.RIGHT] + of[Fate.SHIFTED] + of[Fate.RELABELLED]
    return Numbers(of[Fate.RIGHT], pairs + of[Fate.ADDED], pairs + of[Fate.MISSED])


def _fates(spans: Mapping[Place, int]) -> Counter[Fate]:
    found: Counter[Fate] = Counter()
    for place, number in spans.items():
        found[place.fate] += number
    return found


def _share(hits: int, trials: float, residuals: float, tasks: int, of_one: Callable[[float], float]) -> Share | None:
    """A share with its variance. `of_one` gives the variance of the share by one span, where spans are independent.

    People's work comes in tasks, and the spans of one task are alike: a person who accepts one span of a text often
    accepts the next. So tasks are the sample, not spans. The variance of a share over tasks of different sizes is that
    of a ratio estimator (Cochran 1977, Sampling Techniques, section 6.4; Rao and Scott 1992, Biometrics 48). It is
    never taken to be smaller than that of as many independent spans with one hit and one miss more: else a version all
    of whose spans were kept would be certain to be perfect.
    """
    if not trials or tasks < 2:
        return None
    smoothed = (hits + 1) / (trials + 2)
    among = tasks / (tasks - 1) * residuals / trials**2
    return Share(hits / trials, max(among, of_one(smoothed) / trials))
