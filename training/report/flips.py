"""The spans that one of two models has right and the other one wrong. They have places, and no texts."""

from __future__ import annotations

from typing import NamedTuple

from service.model.fates import Fate, Fated, Region
from service.versions.verdict import CHAMPION, NEW
from training.judge import flips as judged
from training.judge.evidence import rival
from training.judge.sheet import Sheet
from training.judge.verdict import Verdict

WORDS = {Fate.RIGHT: "right", Fate.MISSED: "missed", Fate.ADDED: "found, not annotated"}


class Flip(NamedTuple):
    """A span that the new version has right and the other model wrong, or the other way round."""

    document: int
    """The place of its document in the sheet."""
    span: Region
    before: str
    """What the other model makes of it, in words."""
    after: str
    """What the new version makes of it."""
    is_gain: bool
    """Whether the new version has it right."""


def flips(sheet: Sheet) -> list[Flip]:
    """The flips in the documents that both models have read, in the order of the documents and the spans."""
    annotated, before, after = sheet.annotated, sheet.found(rival(sheet)), sheet.found(NEW)
    return [
        Flip(place, one.span, _told(one.before), _told(one.after), one.is_gain)
        for place in sheet.read_by(NEW, rival(sheet))
        for one in judged.flips(annotated[place], before[place], after[place])
    ]


def told(sheet: Sheet, verdict: Verdict) -> str:
    """How many spans the new version has right that the other model has wrong, and the other way round, in words."""
    found = flips(sheet)
    fixed = sum(flip.is_gain for flip in found)
    is_live = rival(sheet) == CHAMPION or CHAMPION not in verdict.versions
    other = "live version" if is_live else "base model"
    return f"Against the {other} it fixes {fixed} spans and breaks {len(found) - fixed}."


def _told(one: Fated | None) -> str:
    if one is None:
        return "nothing found"
    if one.found and one.fate is Fate.RELABELLED:
        return f"labelled {one.found[2]}"
    if one.found and one.fate is Fate.SHIFTED:
        return f"other boundaries, {one.found[0]}–{one.found[1]}"
    return WORDS[one.fate]
