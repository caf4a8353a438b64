from __future__ import annotations

from itertools import combinations

import pytest
from gliner.decoding.decoder import BaseDecoder
from gliner.decoding.decoder import Span as WordSpan
from hypothesis import given
from hypothesis import strategies as st

from service.model.spans import WAYS, Extraction, Span, beside, best, decide

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
EVERY_WAY = st.sampled_from(sorted(WAYS))


class Decoder(BaseDecoder):
    """GLiNER's own greedy choice, without a model."""

    def decode(self, *args, **kwargs):
        raise NotImplementedError


def of_gliner(spans, overlap):
    """What GLiNER takes of spans, whose characters count as words; ties in the order that Spanloop promises."""
    ranked = sorted(set(spans), key=lambda span: (-span.score, span.start, span.end, span.label))
    words = [WordSpan(span.start, span.end - 1, span.label, span.score) for span in ranked]
    found = Decoder(None).greedy_search(words, flat_ner=overlap == "flat", multi_label=overlap == "multi")
    return {(word.start, word.end + 1, word.entity_type, word.score) for word in found}


def without_repetitions(spans):
    """Of candidates for the same label of the same stretch the best, as one window of a text gives them."""
    return [max(same, key=lambda span: span.score) for same in _alike(spans)]


def _alike(spans):
    return [[other for other in spans if other[:3] == key] for key in {span[:3] for span in spans}]


@given(SPANS, EVERY_WAY)
def test_the_choice_is_that_of_gliner(spans, overlap):
    once = without_repetitions(spans)
    assert set(map(tuple, best(once, overlap))) == of_gliner(once, overlap)


@given(SPANS, EVERY_WAY)
def test_no_two_taken_spans_conflict(spans, overlap):
    for one, other in combinations(best(spans, overlap), 2):
        apart = one.end <= other.start or other.end <= one.start
        within = (one.start <= other.start and other.end <= one.end) or (
            other.start <= one.start and one.end <= other.end
        )
        same = one[:2] == other[:2]
        assert {
            "flat": apart,
            "nested": apart or (within and not same),
            "multi": apart or (within and (not same or one.label != other.label)),
        }[overlap]


@given(SPANS, EVERY_WAY)
def test_every_rejected_span_conflicts_with_a_taken_one_that_is_not_worse(spans, overlap):
    taken = best(spans, overlap)
    for span in set(spans) - set(taken):
        assert any(not beside([span], [other], overlap) and other.score >= span.score for other in taken)


@given(SPANS, THRESHOLDS, EVERY_WAY, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_the_candidates(spans, threshold, overlap, random):
    shuffled = list(spans)
    random.shuffle(shuffled)
    assert best(shuffled, overlap) == best(spans, overlap)
    assert decide(shuffled, threshold, {"a": 0.4}, overlap) == decide(spans, threshold, {"a": 0.4}, overlap)


@given(SPANS, EVERY_WAY)
def test_spans_come_in_reading_order_an_outer_one_before_those_within_it(spans, overlap):
    stretches = [(span.start, -span.end) for span in best(spans, overlap)]
    assert stretches == sorted(stretches)


@pytest.mark.parametrize("overlap", WAYS)
def test_the_same_span_found_twice_at_a_seam_is_kept_once_with_the_better_score(overlap):
    seam = [Span(10, 15, "city", 0.7), Span(10, 15, "city", 0.9)]
    assert best(seam, overlap) == [Span(10, 15, "city", 0.9)]
    assert decide(seam, 0.8, overlap=overlap) == decide(seam[1:], 0.8, overlap=overlap)


def test_a_better_span_takes_the_place_of_all_it_overlaps():
    candidates = [Span(0, 3, "a", 0.6), Span(2, 6, "a", 0.9), Span(5, 8, "a", 0.7), Span(8, 9, "a", 0.2)]
    assert best(candidates, "flat") == [Span(2, 6, "a", 0.9), Span(8, 9, "a", 0.2)]


def test_of_equal_scores_the_earlier_and_then_the_shorter_span_wins():
    assert best([Span(1, 4, "a", 0.5), Span(0, 2, "a", 0.5)], "flat") == [Span(0, 2, "a", 0.5)]
    assert best([Span(0, 4, "a", 0.5), Span(0, 2, "a", 0.5)], "flat") == [Span(0, 2, "a", 0.5)]


def test_each_way_takes_what_the_one_before_it_rejects():
    hospital, city, site = Span(0, 22, "hospital", 0.9), Span(14, 22, "city", 0.8), Span(0, 22, "site", 0.7)
    crossing = Span(18, 30, "city", 0.6)
    candidates = [crossing, site, city, hospital]
    assert best(candidates, "flat") == [hospital]
    assert best(candidates, "nested") == [hospital, city]
    assert best(candidates, "multi") == [hospital, site, city]


@given(SPANS, THRESHOLDS, EVERY_WAY)
def test_certainty_is_a_share_and_only_spans_above_the_threshold_are_taken(spans, threshold, overlap):
    extraction = decide(spans, threshold, overlap=overlap)
    assert 0 <= extraction.certainty <= 1
    assert all(span.score > threshold for span in extraction.spans)


@given(SPANS, THRESHOLDS, EVERY_WAY)
def test_spans_below_the_threshold_never_push_out_one_above_it(spans, threshold, overlap):
    above = [span for span in spans if span.score > threshold]
    assert list(decide(spans, threshold, overlap=overlap).spans) == best(above, overlap)


@given(SPANS, THRESHOLDS, EVERY_WAY)
def test_a_rejected_candidate_is_a_doubt_only_if_a_higher_score_would_have_made_it_a_span(spans, threshold, overlap):
    taken = decide([span for span in spans if span.score > threshold], threshold, overlap=overlap)
    for span in (span for span in spans if span.score <= threshold):
        with_it = decide([*taken.spans, span], threshold, overlap=overlap)
        lowest = min((one.score for one in taken.spans), default=1.0)
        raised = span._replace(score=(threshold + lowest) / 2)
        is_one = raised.score > threshold and raised in best([*taken.spans, raised], overlap)
        if not is_one:
            assert with_it == taken or raised.score <= threshold
        else:
            assert with_it.certainty <= (threshold - span.score) / threshold


def test_a_text_with_a_doubt_and_no_span_sorts_before_a_text_with_a_sure_span():
    empty_with_doubt = decide([Span(0, 5, "a", 0.48)], 0.5)
    sure = decide([Span(0, 5, "a", 0.97)], 0.5)
    empty = decide([], 0.5)
    assert not empty_with_doubt.spans
    assert empty_with_doubt.certainty < sure.certainty < empty.certainty == 1


def test_the_most_doubtful_of_several_decisions_counts():
    assert decide([Span(0, 5, "a", 0.99), Span(6, 9, "a", 0.51)], 0.5).certainty < 0.05


def test_a_doubt_that_conflicts_with_a_taken_span_is_no_doubt():
    sure, within, same = Span(0, 5, "a", 0.9), Span(2, 4, "a", 0.49), Span(0, 5, "b", 0.49)
    alone = decide([sure], 0.5)
    assert decide([sure, within], 0.5) == alone
    assert decide([sure, same], 0.5, overlap="nested") == alone
    for candidate, overlap in [(within, "nested"), (same, "multi")]:
        doubted = decide([sure, candidate], 0.5, overlap=overlap)
        assert doubted == Extraction((sure,), pytest.approx(0.02))


@given(SPANS, SPANS, EVERY_WAY)
def test_what_stands_beside_given_spans_conflicts_with_none_of_them(spans, given_spans, overlap):
    kept = beside(spans, given_spans, overlap)
    for span in spans:
        alone = [best([span._replace(score=0.1), other._replace(score=0.9)], overlap) for other in given_spans]
        assert (span in kept) == all(len(both) == 2 for both in alone)
