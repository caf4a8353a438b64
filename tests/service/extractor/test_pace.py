"""The size of batches."""

from __future__ import annotations

import pytest

from service.extractor.pace import BATCH_SECONDS, TOKENS_FIRST, TOKENS_MIN, Pace
from service.model.windows import MAX_BATCH_TOKENS


@pytest.fixture
def pace():
    return Pace()


def test_the_first_batch_has_a_fixed_size(pace):
    assert pace.tokens == TOKENS_FIRST


@pytest.mark.parametrize("a_second", [4000, 20_000, 60_000])
def test_a_batch_takes_as_long_with_every_model(pace, a_second):
    for _ in range(20):
        pace.ran(pace.tokens, pace.tokens / a_second)
    assert pace.tokens == pytest.approx(a_second * BATCH_SECONDS, rel=0.05)


@pytest.mark.parametrize(("a_second", "tokens"), [(100, TOKENS_MIN), (10_000_000, MAX_BATCH_TOKENS)])
def test_the_size_has_a_minimum_and_a_maximum(pace, a_second, tokens):
    pace.ran(1000, 1000 / a_second)
    assert pace.tokens == tokens


def test_one_slow_batch_changes_the_size_only_for_a_while(pace):
    for _ in range(20):
        pace.ran(1000, 0.05)
    before = pace.tokens
    pace.ran(1000, 0.5)
    assert before / 5 < pace.tokens < before
    for _ in range(20):
        pace.ran(1000, 0.05)
    assert pace.tokens == pytest.approx(before, rel=0.05)
