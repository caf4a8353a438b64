from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.sentences import INSIDE, LINE, PARAGRAPH, SENTENCE, WEAK
from service.model.windows import SHARED, windows, zones

WORDS = st.lists(st.tuples(st.integers(1, 12), st.sampled_from([INSIDE] * 8 + [WEAK, SENTENCE, LINE, PARAGRAPH])))
"""(Sub-tokens, how good a cut behind it is) of each word."""
LIMITS = st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(0, 12))


def cut(words, limits):
    return windows([tokens for tokens, _ in words], [grade for _, grade in words], *limits)


@given(WORDS, LIMITS)
def test_every_word_is_in_a_window_and_windows_move_forward(words, limits):
    found = cut(words, limits)
    assert {word for start, end in found for word in range(start, end)} == set(range(len(words)))
    assert all(a < c <= b <= d for (a, b), (c, d) in pairwise(found))


@given(WORDS, LIMITS)
def test_no_window_exceeds_the_models_limits_except_one_of_a_single_word(words, limits):
    max_words, max_tokens, _ = limits
    for start, end in cut(words, limits):
        assert 1 <= end - start <= max_words
        assert sum(tokens for tokens, _ in words[start:end]) <= max_tokens or end - start == 1


@given(WORDS, LIMITS)
def test_a_span_of_up_to_overlap_words_is_whole_in_some_window(words, limits):
    found = cut(words, limits)
    overlap = limits[2]
    if any(end - start < 2 * overlap for start, end in found[:-1]):
        return  # windows this small share only half of a window
    behind_sentences = {end for _, end in found if words[end - 1][1] >= SENTENCE}
    for width in range(1, overlap + 1):
        for first in range(len(words) - width + 1):
            crossed = any(first < end < first + width for end in behind_sentences)
            if not crossed or width <= SHARED:
                assert any(start <= first and first + width <= end for start, end in found)


@given(WORDS, LIMITS)
def test_a_window_ends_at_the_last_of_the_best_cuts_in_its_second_half(words, limits):
    before = 0
    for start, end in cut(words, limits):
        full = max(size for size in range(1, len(words) - start + 1) if size == 1 or fits(words[start:][:size], limits))
        if end < len(words):
            offered = range(max(start + full // 2, before) + 1, start + full + 1)
            best = max((words[place - 1][1] for place in offered), default=INSIDE)
            last = max((place for place in offered if words[place - 1][1] == best), default=start + full)
            assert end == last
        before = end


def fits(words, limits):
    return len(words) <= limits[0] and sum(tokens for tokens, _ in words) <= limits[1]


@given(WORDS, LIMITS)
def test_a_span_that_any_window_holds_is_decided_by_one_window_that_holds_it(words, limits):
    found = cut(words, limits)
    places = [(2 * word, 2 * word + 1) for word in range(len(words))]
    of_windows = zones([places[start][0] for start, _ in found], [places[end - 1][1] for _, end in found])
    for first in range(len(words)):
        for last in range(first, min(first + 6, len(words))):
            holding = [start <= first and last < end for start, end in found]
            deciding = [zone.start <= places[first][0] + places[last][1] < zone.stop for zone in of_windows]
            assert sum(deciding) == 1
            if any(holding):
                assert holding[deciding.index(True)]


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 12))
def test_without_any_mark_consecutive_windows_are_full_and_share_the_overlap(count, max_words, overlap):
    found = windows([1] * count, [INSIDE] * count, max_words, 10**6, overlap)
    for (a, b), (c, _) in pairwise(found):
        assert b - a == max_words
        assert b - c == min(overlap, (b - a) // 2)


def test_a_short_text_has_one_window_and_an_empty_text_has_no_window():
    assert windows([1, 2, 3], [SENTENCE] * 3, 10, 10, 2) == [(0, 3)]
    assert windows([], [], 10, 10, 2) == []


def test_a_word_larger_than_the_window_is_a_window_by_itself():
    assert windows([1, 99, 1], [INSIDE] * 3, 10, 5, 0) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(("max_words", "max_tokens", "overlap"), [(0, 5, 1), (5, 0, 1), (5, 5, -1), (5, -3, 1)])
def test_impossible_limits_are_refused_instead_of_looping(max_words, max_tokens, overlap):
    with pytest.raises(ValueError, match="at least"):
        windows([1, 1], [INSIDE] * 2, max_words, max_tokens, overlap)
