"""The verdict on a version: a decision with its figures, causes and words. The same sheet gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from service.versions.judgement import Decision, Judgement
from service.versions.verdict import BASE, NEW, Flipped
from training.judge import causes, flips
from training.judge.bootstrap import Bootstrap, Difference
from training.judge.causes import Cause, Found
from training.judge.counts import Scores, rounded
from training.judge.evidence import Facts, compared, differences, evidence, resample, rival
from training.judge.rules import Breach, Evidence, Rules, breaches, decide, needed, worse_labels
from training.judge.sequential import level
from training.judge.sheet import Sheet
from training.judge.wording import words

FORMAT = 1
CONTRADICTS = "it is worse on the annotations that the live version's run had."
MOST_TOLD = 3
"""Causes in the reason; the document has all."""


class Against(msgspec.Struct, frozen=True):
    """How the new version differs from another model."""

    texts: int
    """Documents that both have read."""
    differences: dict[str, Difference]


class Tries(msgspec.Struct, frozen=True):
    """How often the champion was tried, and what that makes of the risk."""

    number: int
    risk: float
    level: float
    needed: float
    """The probability of a gain that promotes."""
    bound: str


class Reason(msgspec.Struct, frozen=True):
    """A cause with its figures and words."""

    cause: Found
    reason: str
    suggestion: str


class Verdict(msgspec.Struct, frozen=True):
    """What `verdict.json` holds."""

    format: int
    decision: Decision
    reason: str
    on: str
    texts: int
    spans: int
    """Documents that the new version and the champion are compared on, and annotated spans in them."""
    documents: str
    """12 hex digits of all documents that judge: the same for the same texts with the same annotations."""
    versions: dict[str, str]
    scores: dict[str, Scores]
    """By model, each on the documents that it has not learnt from."""
    compared: Scores
    """The new version's on the documents that it and the champion are compared on."""
    gain: Difference
    """To the champion, in strict micro F1."""
    over: dict[str, Against]
    tries: Tries
    rules: Rules
    forgotten: float | None
    breaches: tuple[Breach, ...]
    causes: tuple[Reason, ...]
    unread: dict[str, str]
    margins: dict[str, float]
    """By model, half the length of the 95 % interval of its strict micro F1."""
    flips: dict[str, Flipped]
    """By label, the spans that only one of the new version and the champion has right; without a champion's answers,
    of the new version and the base model."""

    @property
    def better(self) -> bool:
        """Whether the version may serve."""
        return self.decision is Decision.PROMOTE

    @property
    def judgement(self) -> Judgement:
        """The verdict in short, for the lineage."""
        return Judgement(
            decision=self.decision,
            difference=self.gain.value,
            low=self.gain.low,
            high=self.gain.high,
            probability=self.gain.higher,
            needed=self.tries.needed,
            tries=self.tries.number,
            texts=self.texts,
            spans=self.spans,
            deviation=self.over[BASE].differences["micro"].deviation,
            causes=causes.names([one.cause for one in self.causes]),
        )

    def json(self) -> str:
        """The document, with sorted keys: byte for byte the same for the same sheet, facts and rules."""
        content: Any = msgspec.to_builtins(self)
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def judge(sheet: Sheet, facts: Facts, rules: Rules) -> Verdict:
    """Judge the new version of a sheet, which has the answers of `base` and `new`, and of `champion` if it was read.

    Further answers are those of other versions; they are compared, and decide nothing.
    """
    drawn, other = resample(sheet), rival(sheet)
    found = evidence(sheet, drawn, facts, rules)
    decision = decide(found, rules)
    shared = compared(sheet)
    reasons = () if decision is Decision.PROMOTE else tuple(_causes(sheet, facts, found, rules))
    told = tuple(Reason(one, *words(one)) for one in reasons)
    return Verdict(
        format=FORMAT,
        decision=decision,
        reason=_reason(facts, drawn[other], other, decision, found, rules, told),
        on=facts.on,
        texts=len(shared.documents),
        spans=sum(map(len, shared.annotated)),
        documents=_identity(sheet),
        versions=dict(facts.versions),
        scores={NEW: drawn[BASE].scores(NEW), **{model: one.scores(model) for model, one in drawn.items()}},
        compared=drawn[other].scores(NEW),
        gain=found.gain,
        over={model: Against(one.documents, differences(one, model)) for model, one in drawn.items()},
        tries=_tries(found, rules),
        rules=rules,
        forgotten=facts.forgotten,
        breaches=breaches(found, rules),
        causes=told,
        unread=dict(facts.unread),
        margins={NEW: drawn[BASE].margin(NEW), **{model: one.margin(model) for model, one in drawn.items()}},
        flips=flips.by_label(sheet),
    )


def _identity(sheet: Sheet) -> str:
    documents = sorted((one.mark, one.annotated) for one in sheet.documents)
    return hashlib.sha256(json.dumps(documents).encode()).hexdigest()[:12]


def _tries(found: Evidence, rules: Rules) -> Tries:
    of_try = level(found.tries, rules.risk)
    bound = (
        f"A version that is no better replaces this live version with a probability of at most {rules.risk:g}, over "
        "all tries."
    )
    return Tries(found.tries, rules.risk, rounded(of_try), rounded(needed(found, rules)), bound)


def _causes(sheet: Sheet, facts: Facts, found: Evidence, rules: Rules) -> list[Found]:
    """The causes that are credited, those of the annotations before those of the model; at least one.

    Spans are compared only where the live model has read the documents.
    """
    broken, shared = breaches(found, rules), compared(sheet)
    credited = [Found(Cause.FORGOTTEN, figure=rounded(found.forgotten or 0))] if Breach.GUARD in broken else []
    credited += [Found(Cause.UNANNOTATED, labels=found.unannotated)] if found.unannotated else []
    if facts.expected is None:
        since = causes.contradictions(shared, rival(sheet))
        credited += since or [Found(Cause.CONTRADICTED)] * found.contradicts
        credited += causes.vanished(shared, NEW, rival(sheet), rules.support)
        credited += causes.losses(shared, NEW, rival(sheet))
    if credited:
        return credited
    if Breach.LABEL in broken:
        return [Found(Cause.WORSE_LABEL, labels=worse_labels(found))]
    if broken:
        return [Found(Cause.WORSE)]
    same = facts.expected is None and shared.answers[NEW] == shared.answers[rival(sheet)]
    return [Found(Cause.EQUAL if same else Cause.UNCLEAR)]


def _reason(
    facts: Facts, drawn: Bootstrap, live: str, decision: Decision, found: Evidence, rules: Rules, told: Sequence[Reason]
) -> str:
    """The figures, the decision and why, in plain words."""
    gain = found.gain
    new = drawn.scores(NEW).micro.strict.f1
    before = facts.expected.f1 if facts.expected else drawn.scores(live).micro.strict.f1
    interval = f"{gain.value:+.3f}, 95 %: {gain.low:+.3f} to {gain.high:+.3f}; {drawn.documents} texts"
    figures = f"F1 on {facts.told}: {before:.3f} → {new:.3f} ({interval})."
    credible = f"better with a probability of {gain.higher:.3f}, and {needed(found, rules):.3f} is needed."
    if decision is Decision.PROMOTE:
        return f"{figures} PROMOTE: {credible}"
    if decision is Decision.REJECT:
        rule = f"{', '.join(_broken(found, rules))}."
    else:
        rule = CONTRADICTS if found.contradicts else credible
    why = " ".join(f"{one.reason} {one.suggestion}" for one in told[:MOST_TOLD])
    return f"{figures} {decision}, the live version stays: {rule} {why}"


def _broken(found: Evidence, rules: Rules) -> list[str]:
    """The rules that are broken, in words, with the labels in question."""
    labels = {Breach.LABEL: worse_labels(found), Breach.UNANNOTATED: found.unannotated}
    return [
        f"{breach} ({', '.join(labels[breach])})" if breach in labels else str(breach)
        for breach in breaches(found, rules)
    ]
