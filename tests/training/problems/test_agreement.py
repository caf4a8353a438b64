from __future__ import annotations

from service.model.spans import Span
from training.dataset import Document
from training.problems.agreement import agreement

TEXT = "Alice met Bob in Paris"
ALICE, BOB, PARIS = Span(0, 5, "person", 1.0), Span(10, 13, "person", 1.0), Span(17, 22, "city", 1.0)


def by(annotator, *spans, task=1):
    return Document(TEXT, ("city", "person"), spans, 1, task, 10 * task + annotator, annotator)


def test_two_annotators_agree_as_far_as_the_f1_of_the_one_against_the_other():
    found = agreement([by(1, PARIS, ALICE, BOB)], [by(2, ALICE, PARIS)])
    assert (found.whole.tasks, found.whole.both, found.whole.spans) == (1, 2, 5)
    assert found.whole.f1 == 2 * 2 / 5
    assert {label: one.f1 for label, one in found.labels.items()} == {"person": 0.6667, "city": 1.0}
    assert list(found.labels) == ["person", "city"], "those with the most spans come first"


def test_an_annotator_who_differs_from_all_others_agrees_least():
    documents = [by(1, ALICE, task=task) for task in (1, 2)]
    others = [by(2, ALICE, task=task) for task in (1, 2)] + [by(3, BOB, task=task) for task in (1, 2)]
    found = agreement(documents, others)
    assert {annotator: one.f1 for annotator, one in found.annotators.items()} == {1: 0.5, 2: 0.5, 3: 0.0}
    assert {one.tasks for one in found.annotators.values()} == {2}


def test_a_task_of_one_annotator_says_nothing_of_agreement():
    found = agreement([by(1, ALICE), by(2, BOB, task=2)], [by(1, BOB)])
    assert found.whole.tasks == 0
    assert found.labels == found.annotators == {}


def test_annotators_whom_label_studio_does_not_name_are_not_compared():
    assert agreement([by(0, ALICE)], [by(0, BOB)]).whole.tasks == 0


def test_two_who_both_mark_nothing_are_one_shared_task_without_a_figure():
    found = agreement([by(1)], [by(2)])
    assert (found.whole.tasks, found.whole.f1) == (1, None)


def test_of_several_annotations_by_one_annotator_the_one_that_counts_is_compared():
    found = agreement([by(1, ALICE)], [by(1, BOB), by(2, ALICE)])
    assert found.whole.f1 == 1.0
