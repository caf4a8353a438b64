"""The cause is the right one, and its words fit no other."""

from __future__ import annotations

from random import Random

import pytest

from service.versions.judgement import Decision
from tests.support.sheets import gold, knowing, sheet
from training.judge.causes import Cause, Found
from training.judge.evidence import Facts
from training.judge.rules import Rules
from training.judge.verdict import judge
from training.judge.wording import words

FACTS = Facts("held_out", "the held-out tasks", {}, 1)
TEXTS = gold(90)
BASE = knowing(TEXTS, 0.2, 9)
CHAMPION = knowing(TEXTS, 0.85)


def spoilt(found, spoil, share=0.5, seed=3):
    """What a model finds, with this share of its spans spoilt."""
    draw = Random(seed)
    return [
        tuple(one for span in spans for one in (spoil(span) if draw.random() < share else (span,))) for spans in found
    ]


def relabel(span):
    start, end, label = span
    return ((start, end, {"Disease": "Drug", "Drug": "Disease", "Organ": "Organ"}[label]),)


def shift(span):
    return ((span[0], span[1] + 2, span[2]),)


def drop(span):
    return ()


def add(span):
    return (span, (span[0] + 6, span[1] + 3, span[2]))


def drop_organ(span):
    return () if span[2] == "Organ" else (span,)


@pytest.mark.parametrize(
    ("spoil", "share", "cause"),
    [
        (relabel, 0.5, Cause.CONFUSED),
        (shift, 0.5, Cause.SHIFTED),
        (drop, 0.5, Cause.LOST),
        (add, 0.5, Cause.ADDED),
        (drop_organ, 1.0, Cause.VANISHED),
    ],
)
def test_what_the_version_gets_wrong_is_named(spoil, share, cause):
    verdict = judge(sheet(TEXTS, base=BASE, champion=CHAMPION, new=spoilt(CHAMPION, spoil, share)), FACTS, Rules())
    assert verdict.decision is Decision.REJECT
    assert verdict.causes[0].cause.cause is cause
    assert verdict.causes[0].reason in verdict.reason
    assert verdict.causes[0].suggestion in verdict.reason


def test_confused_labels_are_named_in_pairs_with_their_number():
    verdict = judge(sheet(TEXTS, base=BASE, champion=CHAMPION, new=spoilt(CHAMPION, relabel)), FACTS, Rules())
    cause = verdict.causes[0].cause
    assert cause.count == cause.of > 20
    assert set(zip(cause.labels[::2], cause.labels[1::2], strict=True)) == {("Disease", "Drug"), ("Drug", "Disease")}


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (relabel, Cause.OTHER_LABELS),
        (shift, Cause.OTHER_BOUNDARIES),
        (drop, Cause.FEWER_SPANS),
    ],
)
def test_annotations_that_contradict_earlier_ones_are_named_and_hold_a_version_that_follows_them(spoil, cause):
    """The live version is right by the old annotations, and the new one by the new ones throughout."""
    later = spoilt(TEXTS, spoil, 0.7)
    annotated = TEXTS[:40] + later[40:]
    new = spoilt(CHAMPION, spoil, 0.6, 4)
    new[40:] = knowing(annotated, 0.85, 5)[40:]
    verdict = judge(sheet(annotated, earlier=40, base=BASE, champion=CHAMPION, new=new), FACTS, Rules())
    assert not verdict.better
    assert verdict.causes[0].cause.cause is cause


def test_a_label_that_is_new_in_later_annotations_contradicts_nothing():
    annotated = [tuple(s for s in spans if s[2] != "Organ") for spans in TEXTS[:40]] + TEXTS[40:]
    champion = [tuple(s for s in spans if s[2] != "Organ") for spans in CHAMPION]
    new = [tuple(s for s in spans if s[2] != "Organ") for spans in CHAMPION[:40]] + TEXTS[40:]
    verdict = judge(sheet(annotated, earlier=40, base=BASE, champion=champion, new=new), FACTS, Rules())
    assert verdict.decision is Decision.PROMOTE


def test_the_same_words_never_serve_two_causes():
    told = [words(Found(cause, 3, 5, 0.1, ("Disease", "Drug"))) for cause in Cause]
    assert len({one.reason for one in told}) == len({one.suggestion for one in told}) == len(Cause)
