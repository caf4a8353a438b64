"""What is counted of predicted and annotated spans of a task."""

from __future__ import annotations

from collections import Counter

from service.backend.truth.places import compare
from service.labelstudio.marks import Mark


def mark(start, end, label="person", control="label"):
    return Mark(control, start, end, label)


def counted(predicted, annotated):
    return Counter({(of.label, str(of.fate)): number for of, number in compare(set(predicted), set(annotated)).items()})


def test_predicted_spans_count_under_their_own_label_and_missed_ones_under_that_of_the_annotation():
    predicted = [mark(0, 5), mark(10, 15), mark(20, 25), mark(30, 35)]
    annotated = [mark(0, 5), mark(10, 15, "city"), mark(20, 26), mark(40, 45, "city")]
    assert counted(predicted, annotated) == {
        ("person", "right"): 1,
        ("person", "relabelled"): 1,
        ("person", "shifted"): 1,
        ("person", "added"): 1,
        ("city", "missed"): 1,
    }


def test_spans_of_different_controls_are_no_pair():
    assert counted([mark(0, 5)], [mark(0, 5, control="other")]) == {("person", "added"): 1, ("person", "missed"): 1}


def test_the_same_span_of_two_controls_counts_twice():
    both = [mark(0, 5), mark(0, 5, control="other")]
    assert counted(both, both) == {("person", "right"): 2}
