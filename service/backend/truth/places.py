"""How many predicted and annotated spans of a task came to which fate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Set
from typing import NamedTuple

from service.labelstudio.marks import Mark
from service.model.fates import Fate, Region, fates


class Place(NamedTuple):
    """What is counted: spans of one label with one fate.

    The label is the predicted one; of a missed span, which none was predicted for, it is the annotated one.
    """

    label: str
    fate: Fate


def compare(predicted: Set[Mark], annotated: Set[Mark]) -> Counter[Place]:
    """The number of spans by label and fate. A pair of a predicted and an annotated span counts once."""
    found, wanted = _by_control(predicted), _by_control(annotated)
    return Counter(
        Place((one.found or one.span)[2], one.fate)
        for control in found.keys() | wanted.keys()
        for one in fates(wanted[control], found[control])
    )


def _by_control(marks: Set[Mark]) -> defaultdict[str, list[Region]]:
    """The marks of each control: another control marks another text, or asks another question."""
    regions: defaultdict[str, list[Region]] = defaultdict(list)
    for mark in marks:
        regions[mark.control].append(mark[1:])
    return regions
