from __future__ import annotations

import pytest

from service.model.spans import Extraction, Span
from training.dataset import Document
from training.judge.scores import score


class Oracle:
    """A model that finds what it was told to find."""

    def __init__(self, found):
        self.found = found

    def extract(self, texts, labels, threshold, told):
        told(1.0)
        return [Extraction(tuple(s for s in self.found.get(text, ()) if s.label in labels), 1.0) for text in texts]


def span(start, end, label):
    return Span(start, end, label, 0.9)


def test_scores_equal_those_computed_by_hand():
    documents = [
        Document("one", ("a", "b"), (span(0, 1, "a"), span(1, 2, "b"), span(2, 3, "b"))),
        Document("two", ("a", "b"), (span(0, 3, "a"),)),
        Document("three", ("a", "b"), ()),
    ]
    model = Oracle(
        {
            "one": (span(0, 1, "a"), span(1, 2, "a"), span(2, 3, "b")),  # 2 right, 1 with the wrong label
            "two": (span(0, 2, "a"),),  # one word too few: wrong
            "three": (span(0, 5, "b"),),  # nothing there: wrong
        }
    )
    found = score(model, documents, 0.5)
    assert found.precision == pytest.approx(2 / 5, abs=1e-6)
    assert found.recall == pytest.approx(2 / 4, abs=1e-6)
    assert found.f1 == pytest.approx(2 * 2 / (5 + 4), abs=1e-6)
    assert found.per_label["a"] == pytest.approx(2 * 1 / (3 + 2), abs=1e-6)
    assert found.per_label["b"] == pytest.approx(2 * 1 / (2 + 2), abs=1e-6)
    assert found.support == {"a": 2, "b": 2}
    assert found.texts == 3


def test_a_label_that_is_only_predicted_counts_against_precision_and_is_listed():
    found = score(Oracle({"x": (span(0, 1, "b"),)}), [Document("x", ("a", "b"), (span(0, 1, "a"),))], 0.5)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert found.per_label == {"a": 0, "b": 0}
    assert found.support == {"a": 1, "b": 0}


def test_each_document_is_asked_its_own_labels():
    documents = [Document("x", ("a",), (span(0, 1, "a"),)), Document("x", ("b",), (span(0, 1, "b"),))]
    assert score(Oracle({"x": (span(0, 1, "a"), span(0, 1, "b"))}), documents, 0.5).f1 == 1


def test_a_span_annotated_twice_counts_once():
    assert score(Oracle({"x": (span(0, 1, "a"),)}), [Document("x", ("a",), (span(0, 1, "a"),) * 2)], 0.5).f1 == 1


def test_nothing_annotated_and_nothing_found_scores_nothing():
    assert score(Oracle({}), [], 0.5).f1 == 0
    assert score(Oracle({}), [Document("x", ("a",), ())], 0.5).f1 == 0


def test_the_real_model_scores_what_it_serves(shared_model):
    text = "Alice works at Acme"
    right = Document(text, ("person", "company"), (span(0, 5, "person"), span(15, 19, "company")))
    half = Document(text, ("person", "company"), (span(0, 5, "person"),))
    assert score(shared_model, [right], 0.5).f1 == 1
    assert score(shared_model, [half], 0.5).precision == 0.5
