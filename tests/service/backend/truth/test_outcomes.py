"""What became of predicted and annotated spans."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backend.truth.outcomes import compare
from service.labelstudio.marks import Mark


def mark(start, end, label="person", control="label"):
    return Mark(control, start, end, label)


def outcomes(predicted, annotated):
    return {(place.label, place.outcome): number for place, number in compare(set(predicted), set(annotated)).items()}


@pytest.mark.parametrize(
    ("predicted", "annotated", "found"),
    [
        ([mark(0, 5)], [mark(0, 5)], {("person", "accepted"): 1}),
        ([mark(0, 5)], [mark(0, 11)], {("person", "moved"): 1}),
        ([mark(0, 5)], [mark(0, 5, "city")], {("person", "relabelled"): 1}),
        ([], [mark(0, 5, "city")], {("city", "missed"): 1}),
        ([mark(0, 5)], [], {("person", "removed"): 1}),
        ([mark(0, 5)], [mark(5, 9)], {("person", "removed"): 1, ("person", "missed"): 1}),
        ([mark(0, 5)], [mark(3, 9, "city")], {("person", "removed"): 1, ("city", "missed"): 1}),
        ([mark(0, 5)], [mark(0, 5, control="other")], {("person", "removed"): 1, ("person", "missed"): 1}),
        ([], [], {}),
    ],
)  # fmt: skip
def test_each_outcome(predicted, annotated, found):
    assert outcomes(predicted, annotated) == found


def test_a_span_that_a_person_split_is_moved_once_and_made_once():
    assert outcomes([mark(0, 11)], [mark(0, 5), mark(6, 11)]) == {("person", "moved"): 1, ("person", "missed"): 1}


def test_of_several_that_overlap_the_one_with_most_in_common_is_the_moved_one():
    """Matched in reading order, the first predicted span would take the annotated one of the second."""
    found = outcomes([mark(0, 5), mark(6, 20)], [mark(3, 20), mark(0, 2)])
    assert found == {("person", "moved"): 2}


def test_a_stretch_with_several_labels_is_a_span_for_each():
    predicted = [mark(0, 5), mark(0, 5, "city")]
    assert outcomes(predicted, [mark(0, 5), mark(0, 5, "company")]) == {
        ("person", "accepted"): 1,
        ("city", "relabelled"): 1,
    }


SPANS = st.sets(
    st.builds(
        lambda start, length, label, control: mark(start, start + length, label, control),
        st.integers(0, 12),
        st.integers(1, 6),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["one", "other"]),
    ),
    max_size=12,
)


@given(SPANS, SPANS)
def test_every_span_counts_once(predicted, annotated):
    found = Counter()
    for place, number in compare(predicted, annotated).items():
        found[place.outcome] += number
    pairs = found["accepted"] + found["moved"] + found["relabelled"]
    assert pairs + found["removed"] == len(predicted)
    assert pairs + found["missed"] == len(annotated)
    assert found["accepted"] == len(predicted & annotated)


@given(SPANS, SPANS)
def test_predicted_spans_count_under_their_own_label(predicted, annotated):
    of_label = Counter()
    for place, number in compare(predicted, annotated).items():
        of_label[place.label] += number if place.outcome != "missed" else 0
    assert +of_label == Counter(one.label for one in predicted)


def test_a_thousand_spans_that_were_all_moved_are_matched_one_to_one():
    predicted = {mark(10 * number, 10 * number + 5) for number in range(1000)}
    annotated = {mark(one.start + 1, one.end + 1) for one in predicted}
    assert outcomes(predicted, annotated) == {("person", "moved"): 1000}
