from __future__ import annotations

from service.model.spans import Span
from training.dataset import Document
from training.problems.doubts import Read, doubtful

TEXT = "Alice met Bob Jones in Paris"
ALICE, BOB, BOB_JONES, PARIS = (0, 5), (10, 13), (10, 19), (23, 28)


def span(place, label="person", score=1.0):
    return Span(*place, label, score)


def read(task, annotated, found):
    return Read(Document(TEXT, ("city", "person"), tuple(annotated), 1, task, 100 + task, 7), found)


def usual(count=8):
    """Texts in which the model is sure of what is annotated."""
    return [read(900 + n, [span(ALICE)], [span(ALICE, score=0.9)]) for n in range(count)]


def first(*given, **more):
    found = doubtful([*given, *usual()], **more)
    return found[0] if found else None


def test_what_the_model_finds_too_is_not_doubted():
    assert first() is None


def test_another_label_at_the_same_place_is_doubted_by_how_much_surer_the_model_is_of_it():
    task = first(read(1, [span(PARIS)], [span(PARIS, "city", 0.8), span(PARIS, "person", 0.1)]))
    (doubt,) = task.doubts
    assert (task.project, task.task, task.annotation, task.annotator, task.score) == (1, 1, 101, 7, 0.7)
    assert (doubt.annotated.label, doubt.found.label, doubt.found.words) == ("person", "city", "Paris")


def test_other_boundaries_are_doubted():
    (doubt,) = first(read(1, [span(BOB)], [span(BOB_JONES, score=0.7), span(BOB, score=0.2)])).doubts
    assert (doubt.annotated.words, doubt.found.words, doubt.score) == ("Bob", "Bob Jones", 0.5)


def test_a_span_that_is_not_annotated_is_missing_by_how_much_surer_the_model_is_of_it_than_of_none():
    (doubt,) = first(read(1, [span(ALICE)], [span(ALICE, score=0.9), span(PARIS, "city", 0.8)])).doubts
    assert (doubt.annotated, doubt.found.words, doubt.score) == (None, "Paris", 0.6)
    assert first(read(1, [span(ALICE)], [span(ALICE, score=0.9), span(PARIS, "city", 0.4)])) is None


def test_a_span_that_the_model_does_not_find_is_doubted_by_how_surely_it_finds_others_of_the_label():
    (doubt,) = first(read(1, [span(BOB)], [])).doubts
    assert (doubt.annotated.words, doubt.found) == ("Bob", None)
    assert 0.7 < doubt.score < 0.9
    seldom_found = [read(n, [span(PARIS, "city")], [span(PARIS, "city", 0.1)]) for n in range(9)]
    assert doubtful(seldom_found) == []


def test_the_most_doubtful_task_comes_first_with_its_largest_doubt_first():
    mild = read(1, [span(PARIS)], [span(PARIS, "city", 0.6), span(PARIS, "person", 0.3)])
    grave = read(2, [span(BOB), span(PARIS)], [span(BOB, score=0.7), span(PARIS, "city", 0.95)])
    found = doubtful([mild, grave, *usual()])
    assert [task.task for task in found] == [2, 1]
    assert [doubt.score for doubt in found[0].doubts] == sorted((one.score for one in found[0].doubts), reverse=True)


def test_blanks_at_the_edges_of_an_annotated_span_are_no_other_boundaries():
    assert first(read(1, [span((9, 20))], [span(BOB_JONES, score=0.9)])) is None


def test_a_span_that_no_model_can_find_is_not_doubted_and_hides_what_is_found_there():
    inside = read(1, [span((10, 12))], [span(BOB, score=0.9)])
    assert first(inside) is not None
    assert first(inside, unlearnable={(1, 1, 10, 12, "person")}) is None
