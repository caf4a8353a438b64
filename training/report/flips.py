"""The flips of a version's report. They have places, and no texts."""

from __future__ import annotations

from typing import NamedTuple

from training.judge import flips as judged
from training.judge.evidence import NEW
from training.judge.fates import Fate, Outcome, Region
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
        Flip(sources.places[place], one.span, _told(one.before), _told(one.after), one.is_gain)
        for place in sheet.read_by(NEW, other)
        for one in judged.flips(annotated[place], before[place], after[place])
    ]


def _told(outcome: Outcome | None) -> str:
    if outcome is None:
        return "nothing found"
    return f"labelled {outcome.answered}" if outcome.fate is Fate.RELABELLED else WORDS[outcome.fate]
