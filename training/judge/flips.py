"""The spans that one of two models has right and the other one wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from service.versions.verdict import Flipped
from training.judge.evidence import NEW, rival
from training.judge.fates import Fate, Outcome, Region, outcomes
from training.judge.sheet import Sheet, Spans


class Flip(NamedTuple):
    """A span of one document that the new version has right and the other model wrong, or the other way round."""

    span: Region
    before: Outcome | None
    """What the other model makes of it; None if it rightly finds nothing there."""
    after: Outcome | None
    """What the new version makes of it."""

    @property
    def is_gain(self) -> bool:
        """Whether the new version has it right."""
        return _is_right(self.after)


def flips(wanted: Spans, before: Spans, after: Spans) -> Iterator[Flip]:
    """The flips of one document, by the order of the spans: what is annotated, and what both models find."""
    old, new = _by_span(wanted, before), _by_span(wanted, after)
    for span in sorted(old.keys() | new.keys()):
        flip = Flip(span, old.get(span), new.get(span))
        if _is_right(flip.before) != flip.is_gain:
            yield flip


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


def _by_span(wanted: Spans, found: Spans) -> dict[Region, Outcome]:
    return {one.span: one for one in outcomes(wanted, found)}


def _is_right(outcome: Outcome | None) -> bool:
    """Whether a model is right: without an outcome it rightly finds nothing where nothing is annotated."""
    return outcome is None or outcome.fate is Fate.RIGHT
