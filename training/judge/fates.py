"""The fates of the spans of a sheet, counted: what a model makes of them, and what it makes wrong beside another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from service.model.fates import Fate, Fated, fates
from training.judge.sheet import Sheet


class Tallied(NamedTuple):
    """The fates of all spans of some documents."""

    fates: Counter[Fate]
    pairs: Counter[tuple[str, str]]
    """How often a label was annotated and another one answered for the same words."""
    labels: dict[Fate, Counter[str]]
    """The labels of the spans with each fate; the annotated ones, of added spans the answered ones."""

    @property
    def wanted(self) -> int:
        """The number of annotated spans."""
        return self.fates.total() - self.fates[Fate.ADDED]


def tallied(some: Iterable[Fated]) -> Tallied:
    """Count fates."""
    counted: Counter[Fate] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    labels: dict[Fate, Counter[str]] = {fate: Counter() for fate in Fate}
    for one in some:
        counted[one.fate] += 1
        labels[one.fate][one.span[2]] += 1
        if one.fate is Fate.RELABELLED and one.annotated and one.found:
            pairs[one.annotated[2], one.found[2]] += 1
    return Tallied(counted, pairs, labels)


def of_model(sheet: Sheet, model: str) -> Tallied:
    """What a model makes of the spans of a sheet."""
    answers = zip(sheet.annotated, sheet.found(model), strict=True)
    return tallied(one for wanted, found in answers for one in fates(wanted, found))


def lost(sheet: Sheet, first: str, second: str) -> Tallied:
    """What the first model has made wrong of what the second one has right: spans that only the second one finds, and
    spans that only the first one adds."""
    return tallied(_lost(sheet, first, second))


def _lost(sheet: Sheet, first: str, second: str) -> Iterator[Fated]:
    for wanted, found, others in zip(sheet.annotated, sheet.found(first), sheet.found(second), strict=True):
        known = set(others)
        for one in fates(wanted, found):
            is_right_there = one.span not in known if one.fate is Fate.ADDED else one.span in known
            if one.fate is not Fate.RIGHT and is_right_there:
                yield one
