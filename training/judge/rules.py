"""When a version is promoted, held or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from service.versions.judgement import Decision
from training.judge.bootstrap import Difference
from training.judge.sequential import level

WORSE = 0.95
"""A version is worse if that is at least this probable."""
NEXT_TO_NOTHING = 0.1
"""A base model finds next to nothing if its strict micro F1 is lower."""
ENOUGH = 0.8
"""So probable a gain must be where the base model is live and finds next to nothing: there is nothing to lose."""


class Rules(msgspec.Struct, frozen=True):
    """The settings of the judge."""

    risk: float = 0.1
    """The probability that a version that is no better replaces a live version, over all tries against it."""
    margin: float = 0.05
    """F1 that a label may lose."""
    support: int = 10
    """Annotated spans from which on a label counts for itself."""
    forgetting_limit: float = 0.1
    """F1 that a version may lose on the guard sentences (see `Forgetting.expected`)."""


class Breach(StrEnum):
    """A rule that a version breaks."""

    OVERALL = "worse than the live version"
    LABEL = "a label is worse"
    BASE = "worse than the base model"
    GUARD = "forgets too much"
    UNANNOTATED = "a label is annotated no longer"


class Evidence(msgspec.Struct, frozen=True):
    """What the decision hangs on."""

    gain: Difference
    """To the champion, in strict micro F1."""
    over_base: Difference
    labels: Mapping[str, Difference]
    """Of each label with enough support: the difference, with the margin added."""
    unannotated: tuple[str, ...]
    """Labels that the champion's run had annotations of, and this one has not."""
    contradicts: bool
    """Whether it is worse on earlier annotations and better on later ones."""
    forgotten: float | None
    base_f1: float
    base_is_live: bool
    tries: int


def needed(evidence: Evidence, rules: Rules) -> float:
    """The probability of a gain that promotes."""
    if evidence.base_is_live and evidence.base_f1 < NEXT_TO_NOTHING:
        return ENOUGH
    return 1 - level(evidence.tries, rules.risk)


def worse_labels(evidence: Evidence) -> tuple[str, ...]:
    """The labels that are worse by more than the margin. Of many labels each must be so more certainly (Bonferroni)."""
    doubt = (1 - WORSE) / max(len(evidence.labels), 1)
    return tuple(label for label, one in evidence.labels.items() if one.lower >= 1 - doubt)


def breaches(evidence: Evidence, rules: Rules) -> tuple[Breach, ...]:
    """The rules that a version breaks."""
    broken = {
        Breach.OVERALL: evidence.gain.lower >= WORSE,
        Breach.LABEL: bool(worse_labels(evidence)),
        Breach.BASE: evidence.over_base.lower >= WORSE,
        Breach.GUARD: (evidence.forgotten or 0.0) > rules.forgetting_limit,
        Breach.UNANNOTATED: bool(evidence.unannotated),
    }
    return tuple(breach for breach, is_broken in broken.items() if is_broken)


def decide(evidence: Evidence, rules: Rules) -> Decision:
    """Reject a version that breaks a rule. Promote it if its gain is credible, and hold it otherwise."""
    if breaches(evidence, rules):
        return Decision.REJECT
    if evidence.gain.higher >= needed(evidence, rules) and not evidence.contradicts:
        return Decision.PROMOTE
    return Decision.HOLD
