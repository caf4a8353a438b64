"""The spans that one of two models has right and the other one wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from service.model.fates import Fate, Fated, Region, fates
from service.versions.verdict import NEW, Flipped
from training.judge.evidence import rival
from training.judge.sheet import Sheet, Spans


class Flip(NamedTuple):
    """A span of one document that the new version has right and the other model wrong, or the other way round."""

    span: Region
    before: Fated | None
    """What becomes of it with the other model; None if it has no fate of its own there."""
    after: Fated | None
    """What becomes of it with the new version."""
    is_gain: bool
    """Whether the new version has it right."""


def flips(wanted: Spans, before: Spans, after: Spans) -> Iterator[Flip]:
    """The flips of one document, by the order of the spans: what is annotated, and what both models find."""
    old, new = ({one.span: one for one in fates(wanted, found)} for found in (before, after))
    for span in sorted(old.keys() | new.keys()):
        was, now = old.get(span), new.get(span)
        is_right = _is_right(now, span in after)
        if _is_right(was, span in before) != is_right:
            yield Flip(span, was, now, is_right)


def by_label(sheet: Sheet) -> dict[str, Flipped]:
    """The number of flips of each label that has some, in the documents that the new version and the one that it is
    compared with have read."""
    other = rival(sheet)
    shared = sheet.of(sheet.read_by(NEW, other))
    found = [
        flip
        for wanted, before, after in zip(shared.annotated, shared.found(other), shared.found(NEW), strict=True)
        for flip in flips(wanted, before, after)
    ]
    fixed = Counter(flip.span[2] for flip in found if flip.is_gain)
    broken = Counter(flip.span[2] for flip in found if not flip.is_gain)
    return {label: Flipped(fixed[label], broken[label]) for label in sorted({*fixed, *broken})}


def _is_right(one: Fated | None, is_found: bool) -> bool:
    """Whether a model is right about a span. One that is not annotated has no fate of its own where it is not found, or
    where it was found instead of an annotated one."""
    return one.fate is Fate.RIGHT if one else not is_found
