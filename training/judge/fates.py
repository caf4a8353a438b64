"""What becomes of annotated spans when a model answers, and what it finds where nothing is annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from training.judge.counts import is_touched
from training.judge.sheet import Sheet, Spans

Region = tuple[int, int, str]


class Fate(StrEnum):
    """What a model makes of a span."""

    RIGHT = "right"
    RELABELLED = "relabelled"
    """It finds these words with another label."""
    SHIFTED = "shifted"
    """It finds a span of this label that begins or ends elsewhere."""
    MISSED = "missed"
    """It finds nothing of this label there."""
    ADDED = "added"
    """It finds a span where no annotated one is. This is no fate of an annotated span."""


class Outcome(NamedTuple):
    """A span of one document, and what a model makes of it."""

    span: Region
    fate: Fate
    answered: str = ""
    """The label that a relabelled span was given."""


def outcomes(wanted: Spans, found: Spans) -> Iterator[Outcome]:
    """What becomes of the annotated spans of a document, and what else is found in it."""
    taken = set(found)
    labels = {(start, end): label for start, end, label in sorted(taken - set(wanted))}
    for span in wanted:
        if span in taken:
            yield Outcome(span, Fate.RIGHT)
        elif span[:2] in labels:
            yield Outcome(span, Fate.RELABELLED, labels[span[:2]])
        else:
            yield Outcome(span, Fate.SHIFTED if is_touched(span, found) else Fate.MISSED)
    for start, end, label in found:
        if not any(other[0] < end and start < other[1] for other in wanted):
            yield Outcome((start, end, label), Fate.ADDED)


class Tallied(NamedTuple):
    """The fates of all spans of some documents."""

    fates: Counter[Fate]
    pairs: Counter[tuple[str, str]]
    """How often a label was annotated and another one answered for the same words."""
    labels: dict[Fate, Counter[str]]
    """The labels of the spans with each fate."""

    @property
    def wanted(self) -> int:
        """The number of annotated spans."""
        return self.fates.total() - self.fates[Fate.ADDED]


def tallied(some: Iterator[Outcome]) -> Tallied:
    """Count outcomes."""
    fates: Counter[Fate] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    labels: dict[Fate, Counter[str]] = {fate: Counter() for fate in Fate}
    for span, fate, answered in some:
        fates[fate] += 1
        labels[fate][span[2]] += 1
        if fate is Fate.RELABELLED:
            pairs[span[2], answered] += 1
    return Tallied(fates, pairs, labels)


def of_model(sheet: Sheet, model: str) -> Tallied:
    """What a model makes of the spans of a sheet."""
    answers = zip(sheet.annotated, sheet.found(model), strict=True)
    return tallied(one for wanted, found in answers for one in outcomes(wanted, found))


def lost(sheet: Sheet, first: str, second: str) -> Tallied:
    """What the first model has made wrong of what the second one has right: spans that only the second one finds, and
    spans that only the first one adds."""
    return tallied(_lost(sheet, first, second))


def _lost(sheet: Sheet, first: str, second: str) -> Iterator[Outcome]:
    for wanted, found, others in zip(sheet.annotated, sheet.found(first), sheet.found(second), strict=True):
        right, known = set(wanted) & set(others), set(others)
        for one in outcomes(wanted, found):
            if one.fate is Fate.ADDED:
                if one.span not in known:
                    yield one
            elif one.span in right and one.fate is not Fate.RIGHT:
                yield one
