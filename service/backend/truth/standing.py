"""How a version stands by people's work, and whether it stands worse than another."""

from __future__ import annotations

import math
from typing import NamedTuple

from service.backend.truth.tally import Share, Tally, numbers_of
from service.model.fates import Fate

TASKS_MIN = 50
"""So many tasks of each of two versions, at least, are compared: before that the normal distribution fits badly."""


class Standing(NamedTuple):
    """What people's work says of one version, in all projects."""

    version: str
    tasks: int
    """Number of tasks with work that began with its predictions."""
    acceptance: Share | None
    """The share of its spans that people kept as they were; None where it predicted none, or of a single task."""
    f1: Share | None
    """Strict micro F1 of its predictions, with people's annotations as the gold ones; None likewise."""
    made: float | None
    """The share of their spans that people had to make themselves; None where they have none."""


def standing(version: str, tally: Tally) -> Standing:
    """The standing of a version by its tally."""
    annotated = numbers_of(tally.spans).annotated
    made = tally.fates[Fate.MISSED] / annotated if annotated else None
    return Standing(version, tally.tasks, tally.acceptance, tally.f1, made)


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
