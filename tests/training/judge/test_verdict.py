from __future__ import annotations

import json

import pytest

from service.versions.judgement import Decision
from tests.support.sheets import LABELS, gold, knowing, sheet
from training.judge.causes import Cause
from training.judge.evidence import Expected, Facts
from training.judge.rules import Breach, Rules
from training.judge.sheet import Judged, Sheet
from training.judge.verdict import judge


def facts(**more):
    return Facts(**{"on": "held_out", "told": "the held-out tasks", "versions": {"base": "tiny"}, "tries": 1, **more})


def judged(annotated, champion, new, base=None, rules=None, earlier=0, **more):
    """The verdict on what a new version finds."""
    base = knowing(annotated, 0.2, 9) if base is None else base
    return judge(sheet(annotated, earlier, base=base, champion=champion, new=new), facts(**more), rules or Rules())


def causes(verdict):
    return [one.cause.cause for one in verdict.causes]


def test_a_clear_gain_is_promoted_and_the_figures_are_told():
    texts = gold(60)
    verdict = judged(texts, knowing(texts, 0.5), knowing(texts, 0.9, 2))
    assert verdict.decision is Decision.PROMOTE
    assert verdict.better
    assert verdict.gain.low > 0
    assert "F1 on the held-out tasks: " in verdict.reason
    assert "60 texts" in verdict.reason
    assert not verdict.causes


def test_a_difference_that_may_be_chance_is_held():
    texts = gold(40)
    verdict = judged(texts, knowing(texts, 0.5), knowing(texts, 0.52, 2))
    assert verdict.decision is Decision.HOLD
    assert verdict.gain.low < 0 < verdict.gain.high
    assert causes(verdict) == [Cause.UNCLEAR]


def test_a_version_that_finds_the_same_is_held_and_the_reason_says_so():
    texts = gold(40)
    found = knowing(texts, 0.5)
    verdict = judged(texts, found, found)
    assert (verdict.decision, causes(verdict)) == (Decision.HOLD, [Cause.EQUAL])
    assert (verdict.gain.value, verdict.gain.higher, verdict.gain.lower) == (0, 0, 0)


def test_a_version_that_is_worse_is_rejected():
    texts = gold(60)
    verdict = judged(texts, knowing(texts, 0.9), knowing(texts, 0.5, 2))
    assert verdict.decision is Decision.REJECT
    assert Breach.OVERALL in verdict.breaches
    assert causes(verdict)[0] is Cause.LOST


def test_a_label_that_is_worse_is_rejected_though_all_together_is_better():
    texts = gold(120)
    champion = [tuple(s for s in spans if s[2] == "Drug") for spans in texts]
    new = [tuple(s for s in spans if s[2] != "Drug") for spans in texts]
    verdict = judged(texts, champion, new)
    assert verdict.gain.value > 0.1
    assert verdict.decision is Decision.REJECT
    assert verdict.breaches == (Breach.LABEL,)
    assert causes(verdict)[0] is Cause.VANISHED
    assert "a label is worse (Drug)" in verdict.reason


def test_a_label_with_few_annotated_spans_rejects_nothing():
    texts = [*gold(100, ("Disease",)), *gold(8, ("Drug",))]
    champion = [*knowing(texts, 0.3)[:100], *texts[100:]]
    new = [*knowing(texts, 0.9, 2)[:100], *[()] * 8]
    assert judged(texts, champion, new, rules=Rules(support=40)).decision is Decision.PROMOTE
    assert judged(texts, champion, new).decision is Decision.REJECT


def test_a_version_that_has_forgotten_too_much_is_rejected_however_good_it_is():
    texts = gold(60)
    better = texts, knowing(texts, 0.5), knowing(texts, 0.9, 2)
    assert judged(*better, forgotten=0.05).decision is Decision.PROMOTE
    verdict = judged(*better, forgotten=0.2)
    assert (verdict.decision, causes(verdict)) == (Decision.REJECT, [Cause.FORGOTTEN])
    assert "0.200 F1" in verdict.reason


def test_a_version_below_the_base_model_is_rejected_even_if_the_live_one_is_lower():
    texts = gold(60)
    verdict = judged(texts, knowing(texts, 0.1), knowing(texts, 0.5, 2), base=knowing(texts, 0.9, 3))
    assert verdict.breaches == (Breach.BASE,)
    assert verdict.decision is Decision.REJECT


def test_the_first_version_serves_where_the_base_model_finds_next_to_nothing():
    """Three right spans in three texts are no proof, but there is nothing to lose."""
    texts = gold(12)
    new = [spans[:1] for spans in texts[:3]] + [()] * 9
    first = sheet(texts, base=[()] * 12, new=new)
    assert judge(first, facts(), Rules()).decision is Decision.PROMOTE
    knows = [()] * 3 + [spans[:1] for spans in texts[3:6]] + [()] * 6
    assert judge(sheet(texts, base=knows, new=new), facts(), Rules()).decision is Decision.HOLD
    assert judge(sheet(texts, base=[()] * 12, new=[()] * 12), facts(), Rules()).decision is Decision.HOLD


def test_each_try_against_the_same_version_must_be_more_certain():
    texts = gold(60)
    champion, new = knowing(texts, 0.5), knowing(texts, 0.62, 2)
    first, later = (judged(texts, champion, new, tries=tries) for tries in (1, 12))
    assert first.decision is Decision.PROMOTE
    assert later.decision is Decision.HOLD
    assert later.tries.needed > first.gain.higher >= first.tries.needed == 0.95


def test_one_document_tells_nothing_however_many_spans_it_has():
    one = [tuple((10 * n, 10 * n + 5, "Drug") for n in range(50))]
    assert judged(one, [one[0][:10]], one).decision is Decision.HOLD
    assert judge(sheet(one, base=[()], new=one), facts(), Rules()).decision is Decision.HOLD


def test_without_documents_or_spans_a_version_is_held():
    assert judge(sheet([], base=[], new=[]), facts(), Rules()).decision is Decision.HOLD
    assert judged([()] * 10, [()] * 10, [()] * 10).decision is Decision.HOLD


def test_documents_that_the_live_version_has_learnt_from_are_not_compared():
    texts = gold(80)
    champion = [None if n < 20 else spans for n, spans in enumerate(knowing(texts, 0.5))]
    verdict = judged(texts, champion, knowing(texts, 0.9, 2))
    assert verdict.texts == 60
    assert verdict.scores["champion"].texts == verdict.compared.texts == 60
    assert verdict.scores["new"].texts == 80
    assert verdict.over["champion"].texts == 60


def test_a_live_version_that_cannot_be_read_is_taken_as_its_own_run_measured_it_with_the_chance_of_both():
    texts = gold(60)
    answers = {"base": knowing(texts, 0.2, 9), "new": knowing(texts, 0.9, 2)}
    f1 = judge(sheet(texts, **answers), facts(), Rules()).scores["new"].micro.strict.f1

    def expecting(lower, deviation):
        return judge(sheet(texts, **answers), facts(expected=Expected(f1 - lower, deviation)), Rules())

    assert expecting(0.2, 0.03).decision is Decision.PROMOTE
    assert expecting(0.2, 0.3).decision is Decision.HOLD
    assert expecting(-0.2, 0.03).decision is Decision.REJECT
    assert expecting(0.2, None).gain.deviation > expecting(0.2, 0.0).gain.deviation


def test_a_label_that_was_annotated_and_is_no_longer_is_rejected_though_today_s_annotations_say_it_is_better():
    texts = gold(60)
    left = [tuple(span for span in spans if span[2] != "Organ") for spans in texts]
    verdict = judged(left, knowing(texts, 0.8), knowing(left, 0.8), supports={"Organ": 70.0, "Drug": 70.0})
    assert verdict.gain.low > 0
    assert (verdict.decision, causes(verdict)[0]) == (Decision.REJECT, Cause.UNANNOTATED)
    assert "Organ" in verdict.reason


def test_another_version_is_scored_beside_and_decides_nothing():
    texts = gold(40)
    answers = {"base": knowing(texts, 0.2, 9), "champion": knowing(texts, 0.5), "new": knowing(texts, 0.9, 2)}
    alone = judge(sheet(texts, **answers), facts(), Rules())
    beside = judge(sheet(texts, **answers, v1=texts), facts(), Rules())
    assert beside.scores["v1"].micro.strict.f1 == 1
    assert beside.over["v1"].differences["micro"].high < 0
    assert (beside.decision, beside.gain, beside.reason) == (alone.decision, alone.gain, alone.reason)


def test_the_document_is_the_same_byte_for_byte_and_in_any_order_of_answers():
    texts = gold(40)
    answers = {"base": knowing(texts, 0.2, 9), "champion": knowing(texts, 0.5), "new": knowing(texts, 0.4, 2)}
    written = judge(sheet(texts, **answers), facts(), Rules()).json()
    again = judge(sheet(texts, **dict(reversed(answers.items()))), facts(), Rules()).json()
    assert written == again
    content = json.loads(written)
    assert content["decision"] in ("HOLD", "REJECT")
    assert content["tries"]["bound"]
    assert content["scores"]["new"]["labels"].keys() == set(LABELS)


def test_documents_of_the_same_text_count_as_one_text():
    """Two controls of one task, or two tasks with one text, are no two proofs."""
    texts = gold(4)
    once = [Judged(f"{n}", spans) for n, spans in enumerate(texts)]
    many = Sheet(
        LABELS,
        tuple(once * 10),
        {"base": ((),) * 40, "champion": tuple(s[:2] for s in texts * 10), "new": tuple(texts * 10)},
    )
    assert judge(many, facts(), Rules()).decision is Decision.HOLD, "four texts may all be better by chance"


@pytest.mark.parametrize("decision", [Decision.HOLD, Decision.REJECT])
def test_the_lineage_has_the_verdict_in_short(decision):
    texts = gold(60)
    share = 0.5 if decision is Decision.HOLD else 0.2
    verdict = judged(texts, knowing(texts, 0.5), knowing(texts, share, 2))
    short = verdict.judgement
    assert (short.decision, short.texts, short.spans) == (decision, 60, 240)
    assert short.low <= short.difference <= short.high
    assert short.causes
