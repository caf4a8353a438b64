"""The calibration error of several versions together: one version's texts have too few spans to tell it from chance."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import mean
from typing import Any, NamedTuple

DRAWS = 300

Group = dict[str, Any]
"""Candidates of about the same probability, as a version's lineage has them (`Reliability`)."""


class Pooled(NamedTuple):
    """An expected calibration error (Guo et al. 2017) over the groups of all versions, of equal rank by probability."""

    error: float
    by_chance: float
    """What probabilities that are exactly right show on as many spans, in the mean of DRAWS draws."""


def pooled(versions: Sequence[Sequence[Group]]) -> Pooled | None:
    """The error of versions with equally many groups; None without versions, or if these numbers differ."""
    if not versions or len({len(groups) for groups in versions}) != 1:
        return None
    ranks = [*zip(*versions, strict=True)]
    rng = Random(0)
    drawn = [_error([[_drawn(group, rng) for group in rank] for rank in ranks]) for _ in range(DRAWS)]
    return Pooled(_error(ranks), mean(drawn))


def _drawn(group: Group, rng: Random) -> Group:
    """The group as it might be if its probability were right."""
    right = sum(rng.random() < group["probability"] for _ in range(group["spans"]))
    return {**group, "right": right / group["spans"]}


def _error(ranks: Sequence[Sequence[Group]]) -> float:
    spans = sum(group["spans"] for rank in ranks for group in rank)
    return sum(abs(sum(_excess(group) for group in rank)) for rank in ranks) / spans


def _excess(group: Group) -> float:
    """By how many spans the probabilities say more than is right."""
    return float(group["spans"] * (group["probability"] - group["right"]))
