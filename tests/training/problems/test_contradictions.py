from __future__ import annotations

from service.model.spans import Span
from training.dataset import Document
from training.problems.contradictions import contradictions

TEXT = "Alice met Bob"
ALICE, BOB = Span(0, 5, "person", 1.0), Span(10, 13, "person", 1.0)


def task(number, *spans, text=TEXT, labels=("person",)):
    return Document(text, labels, spans, 1, number, 100 + number, 7)


def test_equal_texts_that_are_annotated_otherwise_are_named_with_the_spans_in_which_they_differ():
    (one,) = contradictions([task(1, ALICE, BOB), task(2, ALICE), task(3, ALICE, text="Alice slept")])
    assert one.text == TEXT
    assert [(version.task, version.spans) for version in one.versions] == [(1, (BOB[:3],)), (2, ())]


def test_equal_annotations_contradict_nothing_in_whatever_order_and_with_blanks_at_their_edges():
    wide = Span(9, 13, "person", 1.0)
    assert contradictions([task(1, ALICE, BOB), task(2, wide, ALICE)]) == []


def test_tasks_that_ask_for_other_labels_are_not_compared():
    assert contradictions([task(1, ALICE), task(2, labels=("city",))]) == []


def test_the_text_of_most_tasks_comes_first():
    twice = [task(1, ALICE), task(2)]
    thrice = [
        task(number, *spans, text="Bob") for number, spans in ((3, ()), (4, (Span(0, 3, "person", 1.0),)), (5, ()))
    ]
    assert [one.text for one in contradictions([*twice, *thrice])] == ["Bob", TEXT]
