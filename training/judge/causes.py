"""Why a version does not serve: what it gets wrong that the live one gets right, and what differs in the annotations.

A cause is named only if chance hardly explains it: of the spans of one kind that just one of two models gets wrong, too
many are the new version's (sign test), or too many are in tasks that were annotated since (test of two proportions).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from math import comb, sqrt

import msgspec

from service.model.fates import Fate
from training.judge import fates
from training.judge.fates import Tallied
from training.judge.sheet import Sheet

CHANCE = 0.01
"""A cause is named if chance explains it with less probability."""
MANY, MANY_Z = 1000, 2.33
"""The same chance in standard deviations of the normal distribution, which serves for more spans than MANY."""
FEWEST = 5
"""Spans of a kind that a cause needs."""
FEWEST_LATER = 10
"""Spans in later annotations from which on they are compared with earlier ones."""
LATER_Z = 3.0
"""Standard errors by which later annotations must differ."""
VANISHED = 0.1
"""A label has vanished if the new version finds less than this share of what the live one does."""


class Cause(StrEnum):
    """Why a version does not serve."""

    FORGOTTEN = "forgotten"
    """It has lost too much of what the base model knows."""
    UNANNOTATED = "unannotated"
    """A label that was annotated is annotated no longer."""
    OTHER_LABELS = "other labels since"
    """Later annotations give other labels to what the live version finds."""
    OTHER_BOUNDARIES = "other boundaries since"
    """Later annotations begin or end elsewhere."""
    FEWER_SPANS = "fewer spans since"
    """Later annotations leave out what the live version finds."""
    CONTRADICTED = "contradictory annotations"
    """It is better on later annotations and worse on earlier ones, in no single way."""
    VANISHED = "label vanished"
    """It finds a label no more."""
    CONFUSED = "labels confused"
    SHIFTED = "boundaries shifted"
    LOST = "spans lost"
    ADDED = "spans added"
    WORSE_LABEL = "label worse"
    """A label is worse, and no kind of error stands out."""
    WORSE = "worse"
    """It is worse, and no kind of error stands out."""
    EQUAL = "equal"
    """It finds the same."""
    UNCLEAR = "no clear difference"


OF_LOSS = {
    Fate.RELABELLED: Cause.CONFUSED,
    Fate.SHIFTED: Cause.SHIFTED,
    Fate.MISSED: Cause.LOST,
    Fate.ADDED: Cause.ADDED,
}
OF_LATER = {
    Fate.RELABELLED: Cause.OTHER_LABELS,
    Fate.SHIFTED: Cause.OTHER_BOUNDARIES,
    Fate.ADDED: Cause.FEWER_SPANS,
}


class Found(msgspec.Struct, frozen=True):
    """A cause, and the figures that show it."""

    cause: Cause
    count: int = 0
    """Spans that show it."""
    of: int = 0
    """Of so many."""
    figure: float = 0.0
    """Of what differs since: the share of such spans in the annotations that the live version's run had. Of what is
    forgotten: the F1 that is lost."""
    labels: tuple[str, ...] = ()
    """The labels in question, the most frequent first; of confused ones pairs, the annotated label before the answered
    one."""


def losses(sheet: Sheet, new: str, other: str) -> list[Found]:
    """The kinds of errors that the new version makes where the other one does not, the most frequent first."""
    lost, gained = fates.lost(sheet, new, other), fates.lost(sheet, other, new)
    credited = [fate for fate in OF_LOSS if _is_credited(lost.fates[fate], gained.fates[fate])]
    ordered = sorted(credited, key=lambda fate: gained.fates[fate] - lost.fates[fate])
    whole = sum(lost.fates[fate] for fate in OF_LOSS if fate is not Fate.ADDED)
    return [_loss(fate, lost, whole) for fate in ordered]


def vanished(sheet: Sheet, new: str, other: str, support: int) -> list[Found]:
    """Labels with at least `support` annotated spans of which the new version finds next to nothing, unlike the other
    one."""
    right = {model: fates.of_model(sheet, model).labels[Fate.RIGHT] for model in (new, other)}
    annotated = Counter(label for spans in sheet.annotated for _, _, label in spans)
    gone = [
        label
        for label in sheet.labels
        if annotated[label] >= support
        and right[other][label] >= FEWEST
        and right[new][label] < VANISHED * right[other][label]
    ]
    return [Found(Cause.VANISHED, right[new][label], right[other][label], labels=(label,)) for label in gone]


def contradictions(sheet: Sheet, model: str) -> list[Found]:
    """How the annotations that are later than the live version differ from earlier ones.

    The live version, `model`, has learnt from earlier annotations, and is the measure: what it finds is compared with
    both.
    """
    early = [place for place, one in enumerate(sheet.documents) if one.earlier]
    late = [place for place, one in enumerate(sheet.documents) if not one.earlier]
    before, since = (fates.of_model(sheet.of(places), model) for places in (early, late))
    return [found for fate, cause in OF_LATER.items() for found in _later(fate, cause, before, since)]


def _later(fate: Fate, cause: Cause, before: Tallied, since: Tallied) -> Iterator[Found]:
    first, second = (_share(fate, of) for of in (before, since))
    if min(first[1], second[1]) < FEWEST_LATER or second[0] < FEWEST:
        return
    together = (first[0] + second[0]) / (first[1] + second[1])
    error = sqrt(together * (1 - together) * (1 / first[1] + 1 / second[1]))
    if error and second[0] / second[1] - first[0] / first[1] > LATER_Z * error:
        labels = _pairs(since.pairs) if fate is Fate.RELABELLED else _most(since.labels[fate])
        yield Found(cause, *second, figure=round(first[0] / first[1], 6), labels=labels)


def _share(fate: Fate, of: Tallied) -> tuple[int, int]:
    """How many spans have a fate, of how many: added spans of those that are answered, others of those annotated."""
    if fate is Fate.ADDED:
        return of.fates[fate], of.fates.total() - of.fates[Fate.MISSED]
    return of.fates[fate], of.wanted


def _is_credited(lost: int, gained: int) -> bool:
    """Whether more spans are lost than gained, and that is hardly chance."""
    both = lost + gained
    if lost < FEWEST:
        return False
    if both > MANY:
        return lost - gained > MANY_Z * sqrt(both)
    return sum(comb(both, k) for k in range(lost, both + 1)) < CHANCE * 2.0**both


def _loss(fate: Fate, lost: Tallied, whole: int) -> Found:
    labels = _pairs(lost.pairs) if fate is Fate.RELABELLED else _most(lost.labels[fate])
    return Found(OF_LOSS[fate], lost.fates[fate], whole, labels=labels)


def _pairs(pairs: Counter[tuple[str, str]]) -> tuple[str, ...]:
    """The two most frequent pairs, one behind another."""
    ordered = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    return tuple(label for pair in ordered[:2] for label in pair)


def _most(labels: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(labels, key=lambda label: (-labels[label], label))[:3])


def names(found: Sequence[Found]) -> tuple[str, ...]:
    """The names of the causes, each once."""
    return tuple(dict.fromkeys(str(one.cause) for one in found))
