"""The spans that one of two models has right and the other one wrong. They have places, and no texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from training.judge.evidence import NEW
from training.judge.fates import Fate, Outcome, Region, outcomes
from training.judge.sheet import Spans
from training.report.sources import Place, Sources

WORDS = {
    Fate.RIGHT: "right",
    Fate.SHIFTED: "other boundaries",
    Fate.MISSED: "missed",
    Fate.ADDED: "found, not annotated",
}


class Flip(NamedTuple):
    """A span that the new version has right and the other model wrong, or the other way round."""

    place: Place
    span: Region
    before: str
    """What the other model makes of it, in words."""
    after: str
    """What the new version makes of it."""
    is_gain: bool
    """Whether the new version has it right."""


def flips(sources: Sources) -> list[Flip]:
    """The flips in the documents that both models have read, in the order of the documents and the spans."""
    sheet, other = sources.sheet, sources.rival
    annotated, before, after = sheet.annotated, sheet.found(other), sheet.found(NEW)
    return [
        flip
        for place in sheet.read_by(NEW, other)
        for flip in _flips(sources.places[place], annotated[place], before[place], after[place])
    ]


def _flips(place: Place, wanted: Spans, before: Spans, after: Spans) -> Iterator[Flip]:
    old, new = _by_span(wanted, before), _by_span(wanted, after)
    for span in sorted(old.keys() | new.keys()):
        was, now = old.get(span), new.get(span)
        if _is_right(was) != _is_right(now):
            yield Flip(place, span, _told(was), _told(now), _is_right(now))


def _by_span(wanted: Spans, found: Spans) -> dict[Region, Outcome]:
    return {one.span: one for one in outcomes(wanted, found)}


def _is_right(outcome: Outcome | None) -> bool:
    """Whether a model is right: without an outcome it rightly finds nothing where nothing is annotated."""
    return outcome is None or outcome.fate is Fate.RIGHT


def _told(outcome: Outcome | None) -> str:
    if outcome is None:
        return "nothing found"
    return f"labelled {outcome.answered}" if outcome.fate is Fate.RELABELLED else WORDS[outcome.fate]
