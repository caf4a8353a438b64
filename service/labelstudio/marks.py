"""Regions as marks that can be compared: the stretches of a task's texts that a result marks, with their labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.labelstudio.controls import Control
from service.labelstudio.passages import Passage


class Mark(NamedTuple):
    """One label on one stretch of one text. Offsets are code points of the text, `end` exclusive."""

    control: str
    """The name of the control: another control marks another text, or the same text for another question."""
    start: int
    end: int
    label: str
    """The label as regions have it: a Label's alias, else its value."""


def marks_of(result: object, read: Sequence[tuple[Control, Passage]]) -> frozenset[Mark]:
    """What a result, a prediction's or an annotation's, marks in the passages of a task.

    A region with several labels is a mark for each. Passed over are regions of other controls, those outside of the
    text, and labels that the control no longer has.
    """
    regions = [region for region in result if isinstance(region, dict)] if isinstance(result, list) else []
    return frozenset(mark for control, passage in read for mark in _marks(regions, control, passage))


def _marks(regions: Sequence[dict[str, object]], control: Control, passage: Passage) -> Iterator[Mark]:
    known = control.wording_of
    for region in regions:
        value = region.get("value")
        if region.get("from_name") != control.name or not isinstance(value, dict):
            continue
        labels, stretch = value.get(control.kind), passage.offsets(value)
        if stretch is None or not isinstance(labels, list):
            continue
        for label in labels:
            if isinstance(label, str) and label in known:
                yield Mark(control.name, *stretch, label)
