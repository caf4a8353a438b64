"""What became of found and annotated spans of one text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.fates import fates


def span(start, end, label="person"):
    return start, end, label


def told(found, annotated):
    return [(str(one.fate), one.annotated, one.found) for one in fates(annotated, found)]


@pytest.mark.parametrize(
    ("found", "annotated", "made"),
    [
        ([span(0, 5)], [span(0, 5)], [("right", span(0, 5), span(0, 5))]),
        ([span(0, 5)], [span(0, 11)], [("shifted", span(0, 11), span(0, 5))]),
        ([span(0, 5)], [span(0, 5, "city")], [("relabelled", span(0, 5, "city"), span(0, 5))]),
        ([], [span(0, 5, "city")], [("missed", span(0, 5, "city"), None)]),
        ([span(0, 5)], [], [("added", None, span(0, 5))]),
        ([span(0, 5)], [span(5, 9)], [("missed", span(5, 9), None), ("added", None, span(0, 5))]),
        ([span(0, 5)], [span(3, 9, "city")], [("missed", span(3, 9, "city"), None), ("added", None, span(0, 5))]),
        ([span(0, 5)] * 2, [span(0, 5)] * 3, [("right", span(0, 5), span(0, 5))]),
        ([], [], []),
    ],
)  # fmt: skip
def test_each_fate(found, annotated, made):
    assert told(found, annotated) == made


def test_a_found_span_over_two_annotated_ones_is_shifted_once_and_one_is_missed():
    assert told([span(0, 11)], [span(0, 5), span(6, 11)]) == [
        ("shifted", span(0, 5), span(0, 11)),
        ("missed", span(6, 11), None),
    ]


def test_an_annotated_span_that_is_found_in_two_parts_is_shifted_once_and_one_is_added():
    assert told([span(0, 4), span(6, 11)], [span(0, 11)]) == [
        ("shifted", span(0, 11), span(6, 11)),
        ("added", None, span(0, 4)),
    ]


def test_of_several_that_overlap_those_with_most_in_common_are_a_pair():
    """Matched in reading order, the first found span would take the annotated one of the second."""
    assert told([span(0, 5), span(6, 20)], [span(3, 20), span(0, 2)]) == [
        ("shifted", span(3, 20), span(6, 20)),
        ("shifted", span(0, 2), span(0, 5)),
    ]


def test_a_stretch_with_several_labels_is_a_span_for_each():
    found = [span(0, 5), span(0, 5, "city")]
    assert told(found, [span(0, 5), span(0, 5, "company")]) == [
        ("right", span(0, 5), span(0, 5)),
        ("relabelled", span(0, 5, "company"), span(0, 5, "city")),
    ]


SPANS = st.sets(
    st.builds(
        lambda start, length, label: span(start, start + length, label),
        st.integers(0, 12),
        st.integers(1, 6),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=12,
)


@given(SPANS, SPANS)
def test_every_span_has_one_fate(found, annotated):
    made = fates(annotated, found)
    assert Counter(one.found for one in made if one.found) == Counter(found)
    assert Counter(one.annotated for one in made if one.annotated) == Counter(annotated)
    assert {one.found for one in made if one.fate == "right"} == found & annotated


@given(SPANS, SPANS)
def test_a_shifted_span_shares_its_label_and_a_character_with_what_was_found(found, annotated):
    for fate, one, other in fates(annotated, found):
        if fate == "shifted":
            assert one[2] == other[2]
            assert one[0] < other[1]
            assert other[0] < one[1]


@given(SPANS, SPANS)
def test_nothing_that_is_left_alone_could_have_been_a_pair(found, annotated):
    made = fates(annotated, found)
    missed, added = ([one.span for one in made if one.fate == fate] for fate in ("missed", "added"))
    for one in missed:
        for other in added:
            assert one[:2] != other[:2]
            assert one[2] != other[2] or one[0] >= other[1] or other[0] >= one[1]


def test_thousands_of_shifted_spans_are_matched_one_to_one():
    found = [span(10 * number, 10 * number + 5) for number in range(5000)]
    annotated = [span(start + 1, end + 1) for start, end, _ in found]
    assert {one.fate for one in fates(annotated, found)} == {"shifted"}
