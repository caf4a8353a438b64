from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.model.spans import Span, decide, without_overlaps

SPANS = st.lists(
    st.builds(
        lambda start, width, label, score: Span(start, start + width, label, score),
        st.integers(0, 30),
        st.integers(1, 10),
        st.sampled_from(["a", "b"]),
        st.one_of(st.floats(0, 1), st.sampled_from([0.25, 0.5, 0.75])),
    ),
    max_size=25,
)
THRESHOLDS = st.floats(0.01, 0.99)


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


@given(SPANS)
def test_no_two_kept_spans_overlap_and_all_come_in_reading_order(spans):
    kept = without_overlaps(spans)
    assert all(one.end <= other.start for one, other in pairwise(kept))
    assert set(kept) <= set(spans)


@given(SPANS)
def test_every_rejected_span_overlaps_a_kept_one_that_is_not_worse(spans):
    kept = without_overlaps(spans)
    for span in set(spans) - set(kept):
        assert any(overlap(span, other) and other.score >= span.score for other in kept)


@given(SPANS, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_the_candidates(spans, random):
    shuffled = list(spans)
    random.shuffle(shuffled)
    assert without_overlaps(shuffled) == without_overlaps(spans)


def test_the_same_span_found_twice_at_a_seam_is_kept_once_with_the_better_score():
    seam = [Span(10, 15, "city", 0.7), Span(10, 15, "city", 0.9)]
    assert without_overlaps(seam) == [Span(10, 15, "city", 0.9)]


def test_a_better_span_takes_the_place_of_all_it_overlaps():
    candidates = [Span(0, 3, "a", 0.6), Span(2, 6, "a", 0.9), Span(5, 8, "a", 0.7), Span(8, 9, "a", 0.2)]
    assert without_overlaps(candidates) == [Span(2, 6, "a", 0.9), Span(8, 9, "a", 0.2)]


def test_of_equal_scores_the_earlier_and_then_the_shorter_span_wins():
    assert without_overlaps([Span(1, 4, "a", 0.5), Span(0, 2, "a", 0.5)]) == [Span(0, 2, "a", 0.5)]
    assert without_overlaps([Span(0, 4, "a", 0.5), Span(0, 2, "a", 0.5)]) == [Span(0, 2, "a", 0.5)]


@given(SPANS, THRESHOLDS)
def test_certainty_is_a_share_and_only_spans_above_the_threshold_are_taken(spans, threshold):
    extraction = decide(spans, threshold)
    assert 0 <= extraction.certainty <= 1
    assert all(span.score > threshold for span in extraction.spans)


@given(SPANS, THRESHOLDS)
def test_spans_below_the_threshold_never_push_out_one_above_it(spans, threshold):
    assert list(decide(spans, threshold).spans) == without_overlaps(s for s in spans if s.score > threshold)


def test_a_text_with_a_doubt_and_no_span_sorts_before_a_text_with_a_sure_span():
    empty_with_doubt = decide([Span(0, 5, "a", 0.48)], 0.5)
    sure = decide([Span(0, 5, "a", 0.97)], 0.5)
    empty = decide([], 0.5)
    assert not empty_with_doubt.spans
    assert empty_with_doubt.certainty < sure.certainty < empty.certainty == 1


def test_the_most_doubtful_of_several_decisions_counts():
    assert decide([Span(0, 5, "a", 0.99), Span(6, 9, "a", 0.51)], 0.5).certainty < 0.05


def test_a_doubt_that_overlaps_a_taken_span_is_no_doubt():
    assert decide([Span(0, 5, "a", 0.9), Span(2, 7, "a", 0.49)], 0.5) == decide([Span(0, 5, "a", 0.9)], 0.5)
