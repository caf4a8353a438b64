from __future__ import annotations

import pytest

from service.model.spans import Span
from training.dataset import Document, is_held_out
from training.split import FOLDS, FOLDS_OF_MANY, TooFew, marks, split, unseen


def documents(count, spans=1, first=0):
    return [
        Document(f"text {n}", ("a",), tuple(Span(m, m + 1, "a", 1.0) for m in range(spans)), 1, n, n)
        for n in range(first, first + count)
    ]


def test_of_many_texts_some_are_held_out_by_their_hash():
    parts = split(documents(400), 10)
    assert parts.folds == []
    assert parts.held_out == parts.judged == parts.apart.scoring == [d for d in documents(400) if is_held_out(d.text)]
    learnt = [*parts.training, *parts.validation]
    assert sorted(d.task for d in (*learnt, *parts.held_out)) == list(range(400))
    assert (parts.apart.learnt, parts.apart.tasks) == (learnt, 400)
    assert parts.told == ""


@pytest.mark.parametrize(
    ("count", "spans", "fewest", "folds"),
    [(99, 9, 400, FOLDS), (399, 9, 400, FOLDS_OF_MANY), (110, 1, 100, FOLDS_OF_MANY)],
)
def test_of_few_texts_or_few_spans_none_is_held_out_and_each_judges_in_one_fold(count, spans, fewest, folds):
    parts = split(documents(count, spans), 10, fewest=fewest)
    assert sorted(d.task for d in parts.training) == sorted(d.task for d in parts.judged) == list(range(count))
    assert (parts.held_out, parts.validation) == ([], [])
    assert len(parts.folds) == folds
    assert max(map(len, parts.folds)) - min(map(len, parts.folds)) <= 1
    assert f"all {count}" in parts.told
    assert parts.apart.scoring == parts.judged[: len(parts.folds[0])]
    assert parts.apart.tasks == len(parts.apart.learnt) == count - len(parts.folds[0])


def test_documents_of_one_text_are_in_one_fold_and_the_folds_do_not_depend_on_the_order():
    twice = [*documents(20), *(Document(d.text, ("b",), d.spans, 2, d.task, d.task) for d in documents(20))]
    parts = split(twice, 10)
    assert parts.folds == split(twice[::-1], 10).folds
    for fold in parts.folds:
        texts = {d.text for d in fold}
        assert len(fold) == 2 * len(texts) == 8


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (documents(7), "about 3 more tasks"),
        (documents(20, spans=0), "about 10 more tasks"),
        (documents(20, spans=0) + documents(5, first=20), "about 25 more tasks"),  # 5 spans of 10 in 25 tasks
        ([Document("the same", ("a",), documents(1, 9)[0].spans, 1, n, n) for n in range(12)], "about 4 more tasks"),
    ],
)
def test_what_is_too_little_is_refused_with_how_many_more_tasks_are_wanted(given, more):
    with pytest.raises(TooFew, match=rf"annotate {more}.*live version is untouched. Project 7 was left out") as refusal:
        split(given, 10, ["Project 7 was left out."])
    assert f"{len(given)} tasks are annotated" in str(refusal.value)


def test_ten_tasks_are_enough():
    assert len(split(documents(10), 10).training) == 10


def test_a_version_that_held_texts_out_has_not_learnt_from_those(lineage):
    assert unseen(lineage(), documents(50)) == [d for d in documents(50) if is_held_out(d.text)]


def test_a_version_that_held_none_out_has_not_learnt_from_other_texts_whatever_their_hash(lineage):
    version = lineage(learnt=marks(documents(50)))
    assert unseen(version, documents(80)) == documents(30, first=50)


def test_of_very_many_texts_some_are_held_out_even_if_few_spans_judge_and_that_is_said(monkeypatch):
    monkeypatch.setattr("training.split.MOST_TEXTS_IN_FOLDS", 400)
    sparse = [*documents(60), *documents(340, spans=0, first=60)]
    assert split(sparse, 10).folds
    parts = split([*sparse, *documents(1, spans=0, first=400)], 10)
    judged = sum(len(document.spans) for document in parts.held_out)
    assert parts.folds == []
    assert 0 < judged < 30
    assert f"Only {judged} annotated spans are in the held-out texts" in parts.told
    assert split(documents(400), 10).told == ""
