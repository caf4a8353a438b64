"""What the decision hangs on, from a sheet and from what is known beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from service.versions.verdict import BASE, CHAMPION, NEW
from training.judge.bootstrap import Bootstrap, Difference, apart
from training.judge.rules import WORSE, Evidence, Rules
from training.judge.sheet import Sheet

GONE = 0.1
"""A label is annotated no longer if it has less than this share of the spans that it should have."""


class Expected(msgspec.Struct, frozen=True):
    """The champion's F1 where it has learnt from too many of the documents to be scored on them."""

    f1: float
    deviation: float | None
    """The standard deviation of its difference to the base model; None if its run did not keep it. It is then taken to
    be that of the new version."""


class Facts(msgspec.Struct, frozen=True):
    """What is known beside the sheet."""

    on: Literal["held_out", "out_of_fold"]
    told: str
    """What the new version and the champion are compared on, in words."""
    versions: Mapping[str, str]
    """The names of the versions of `base` and `champion`."""
    tries: int
    """How many versions were judged against the champion, with this one."""
    forgotten: float | None = None
    """F1 that is lost on the guard sentences; None where that is not measured."""
    expected: Expected | None = None
    unread: Mapping[str, str] = {}
    """Why a version was not scored, by version."""
    supports: Mapping[str, float] = {}
    """Annotated spans of each label that the champion's run lets one expect in these documents."""


def rival(sheet: Sheet) -> str:
    """The model that the new version is compared with span by span: the champion, if it has read the documents."""
    return CHAMPION if CHAMPION in sheet.answers else BASE


def compared(sheet: Sheet) -> Sheet:
    """The documents that both have read without having learnt from them."""
    return sheet.of(sheet.read_by(NEW, rival(sheet)))


def resample(sheet: Sheet) -> dict[str, Bootstrap]:
    """By each other model: the new version and that model, resampled on the documents that both have read."""
    places = {model: tuple(sheet.read_by(NEW, model)) for model in sorted(set(sheet.answers) - {NEW})}
    drawn = {
        some: Bootstrap(sheet.of(some), [NEW, *(model for model, of in places.items() if of == some)])
        for some in set(places.values())
    }
    return {model: drawn[some] for model, some in places.items()}


def evidence(sheet: Sheet, drawn: Mapping[str, Bootstrap], facts: Facts, rules: Rules) -> Evidence:
    """Weigh the new version. `sheet` has the answers of `base` and `new`, and of `champion` if it was read; `drawn` is
    the sheet resampled."""
    other, shared = rival(sheet), compared(sheet)
    over_base = drawn[BASE].micro(NEW, BASE)
    support = Counter(label for spans in shared.annotated for _, _, label in spans)
    f1 = {model: drawn[BASE].scores(model).micro.strict.f1 for model in (BASE, NEW)}
    expected = facts.expected
    return Evidence(
        gain=_apart(over_base, f1[NEW], expected) if expected else drawn[other].micro(NEW, other),
        over_base=over_base,
        labels={
            label: drawn[other].label(label, NEW, other, rules.margin)
            for label in sheet.labels
            if support[label] >= rules.support
        },
        unannotated=_unannotated(sheet, facts, rules),
        contradicts=_contradicts(shared, other),
        forgotten=facts.forgotten,
        base_f1=f1[BASE],
        base_is_live=other == BASE and expected is None,
        tries=facts.tries,
    )


def differences(drawn: Bootstrap, model: str) -> dict[str, Difference]:
    """How the new version differs from a model in strict micro, strict macro and partial micro F1, and in the strict
    F1 of each label that is annotated."""
    whole = {
        "micro": drawn.micro(NEW, model),
        "macro": drawn.macro(NEW, model),
        "partial": drawn.partial(NEW, model),
    }
    return whole | {f"label {label}": drawn.label(label, NEW, model) for label in drawn.annotated}


def _apart(over_base: Difference, f1: float, expected: Expected) -> Difference:
    return apart(over_base, f1 - expected.f1, over_base.deviation if expected.deviation is None else expected.deviation)


def _unannotated(sheet: Sheet, facts: Facts, rules: Rules) -> tuple[str, ...]:
    support = Counter(label for spans in sheet.annotated for _, _, label in spans)
    return tuple(
        label
        for label in sheet.labels
        if (wanted := facts.supports.get(label, 0.0)) >= rules.support and support[label] < GONE * wanted
    )


def _contradicts(shared: Sheet, other: str) -> bool:
    """Whether the new version is worse on the annotations that the champion's run had, and better on later ones.

    Only labels count that both have: a label that is new contradicts nothing.
    """
    parts = [
        [place for place, one in enumerate(shared.documents) if one.earlier is earlier] for earlier in (True, False)
    ]
    early, late = (shared.of(places) for places in parts)
    both = {span[2] for spans in early.annotated for span in spans} & {
        span[2] for spans in late.annotated for span in spans
    }
    before, since = (Bootstrap(part.only(both), [NEW, other]).micro(NEW, other) for part in (early, late))
    return before.lower >= WORSE and since.higher >= WORSE
