from __future__ import annotations

import pytest

from tests.support.sheets import LABELS, gold, knowing, sheet
from training.judge.bootstrap import BLOCKS, Bootstrap
from training.judge.counts import counts, scores

TEXTS = gold(50)


def test_partial_scores_count_spans_that_share_words_with_an_annotated_one_of_their_label():
    annotated = [((0, 10, "Drug"), (20, 25, "Drug"), (30, 35, "Organ"))]
    found = [((2, 4, "Drug"), (6, 12, "Drug"), (20, 25, "Drug"), (30, 34, "Disease"))]
    one = sheet(annotated, new=found)
    told = scores(counts(one, "new").sum(axis=0), LABELS, 1)
    assert told.micro.strict.precision == 0.25
    assert told.micro.strict.recall == pytest.approx(1 / 3, abs=1e-6)
    assert told.micro.partial.precision == 0.75
    assert told.micro.partial.recall == pytest.approx(2 / 3, abs=1e-6)
    assert told.labels["Drug"].support == 2
    assert told.labels["Disease"].support == 0
    assert told.macro_strict == pytest.approx((2 * 1 / (3 + 2) + 0) / 2, abs=1e-6), "of the two annotated labels"


def test_a_difference_and_its_opposite_mirror_each_other():
    drawn = Bootstrap(sheet(TEXTS, a=knowing(TEXTS, 0.5), b=knowing(TEXTS, 0.6, 2)), ["a", "b"])
    one, other = drawn.micro("a", "b"), drawn.micro("b", "a")
    assert one.value == -other.value
    assert (one.low, one.high) == (-other.high, -other.low)
    assert one.higher == other.lower


def test_the_interval_is_as_wide_as_draws_of_other_texts_are():
    """Of 200 samples of 50 texts the deviation of the difference is about what one sample says of itself."""
    found = []
    for seed in range(200):
        texts = gold(50, seed=seed)
        drawn = sheet(texts, a=knowing(texts, 0.5, seed + 1000), b=knowing(texts, 0.5, seed + 2000))
        found.append(Bootstrap(drawn, ["a", "b"]).micro("a", "b"))
    seen = (sum(one.value**2 for one in found) / len(found)) ** 0.5
    told = sum(one.deviation for one in found) / len(found)
    assert told == pytest.approx(seen, rel=0.15)
    assert sum(one.low <= 0 <= one.high for one in found) > 0.9 * len(found)


def test_few_texts_are_never_more_certain_than_tosses_of_a_coin():
    texts = gold(4)
    drawn = Bootstrap(sheet(texts, a=texts, b=[()] * 4), ["a", "b"])
    assert drawn.micro("a", "b").higher == 1 - 0.5**4


def test_of_many_texts_the_sums_are_exact():
    texts = gold(BLOCKS + 50)
    one = sheet(texts, a=knowing(texts, 0.5), b=texts)
    told = Bootstrap(one, ["a", "b"]).scores("a")
    assert told == scores(counts(one, "a").sum(axis=0), LABELS, BLOCKS + 50)
