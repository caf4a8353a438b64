from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.windows import windows

WORDS = st.lists(st.integers(1, 12), max_size=120)
LIMITS = st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(0, 12))


@given(WORDS, LIMITS)
def test_every_word_is_in_a_window_and_windows_move_forward(tokens, limits):
    found = windows(tokens, *limits)
    assert {word for start, end in found for word in range(start, end)} == set(range(len(tokens)))
    assert all(a < c <= b <= d for (a, b), (c, d) in pairwise(found))


@given(WORDS, LIMITS)
def test_no_window_exceeds_the_models_limits_except_one_of_a_single_word(tokens, limits):
    max_words, max_tokens, overlap = limits
    for start, end in windows(tokens, max_words, max_tokens, overlap):
        assert 1 <= end - start <= max_words
        assert sum(tokens[start:end]) <= max_tokens or end - start == 1


@given(WORDS, LIMITS)
def test_a_span_of_up_to_overlap_words_is_whole_in_some_window(tokens, limits):
    max_words, max_tokens, overlap = limits
    found = windows(tokens, max_words, max_tokens, overlap)
    if any(end - start < 2 * overlap for start, end in found[:-1]):
        return  # windows this small share only half of a window
    for width in range(1, overlap + 1):
        for first in range(len(tokens) - width + 1):
            assert any(start <= first and first + width <= end for start, end in found)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 12))
def test_consecutive_windows_share_the_overlap(count, max_words, overlap):
    found = windows([1] * count, max_words, 10**6, overlap)
    for (a, b), (c, _) in pairwise(found):
        assert b - c == min(overlap, (b - a) // 2)


def test_a_short_text_has_one_window_and_an_empty_text_has_no_window():
    assert windows([1, 2, 3], 10, 10, 2) == [(0, 3)]
    assert windows([], 10, 10, 2) == []


def test_a_word_larger_than_the_window_is_a_window_by_itself():
    assert windows([1, 99, 1], 10, 5, 0) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(("max_words", "max_tokens", "overlap"), [(0, 5, 1), (5, 0, 1), (5, 5, -1), (5, -3, 1)])
def test_impossible_limits_are_refused_instead_of_looping(max_words, max_tokens, overlap):
    with pytest.raises(ValueError, match="at least"):
        windows([1, 1], max_words, max_tokens, overlap)
