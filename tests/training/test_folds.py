"""What models find in texts that they have not learnt from, and what is chosen by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.model.model import Model
from service.model.spans import Span
from service.versions.lineage import Blend, Tried
from training.blend import SHARES
from training.dataset import Document
from training.folds import CrossValidated, CrossValidation, OutOfFold


def documents(count):
    return [Document("Alice works at Acme", ("company", "person"), (), task=at) for at in range(count)]


def out_of_fold(count):
    """Texts of three folds: of the spans with a score of 0.9 the half is right, and of those with 0.3 none."""
    found = []
    for at in range(count):
        document = Document(f"Alice {at} Acme", ("company",), (Span(0, 5, "company", 1.0),)[at % 2 :], task=at)
        spans = [Span(0, 5, "company", 0.9), Span(6, 7, "company", 0.3)]
        found.append(OutOfFold(document, {1.0: spans}, "flat", at % 3))
    return found


def test_a_fold_is_judged_by_scores_that_mean_what_the_other_folds_tell(shared_model):
    found = out_of_fold(120)
    surer = [one._replace(document=replace(one.document, spans=())) if one.fold == 1 else one for one in found]
    answers, changed = (
        {p.document.task: p.extraction for p in CrossValidated(given).answers(shared_model, 0.1)}
        for given in (found, surer)
    )
    probability = {at: extraction.spans[0].score for at, extraction in answers.items()}
    assert probability[0] == pytest.approx(0.5, abs=0.05)
    assert [changed[at].spans == answers[at].spans for at in (0, 1, 2)] == [False, True, False]


def at_shares(count, right):
    """Texts of three folds, with the spans that are right where `right` says so of a text's fold and a share."""
    found = []
    for at in range(count):
        document = Document(f"Alice {at}", ("company",), (Span(0, 5, "company", 1.0),), task=at)
        candidates = {share: [Span(0, 5, "company", 0.9)] if right(at % 3, share) else [] for share in SHARES}
        found.append(OutOfFold(document, candidates, "flat", at % 3))
    return found


def forgotten(*lost):
    tried = tuple(Tried(share=share, f1=None, forgotten=one) for share, one in zip(SHARES, lost, strict=True))
    return Blend(share=1.0, limit=0.05, tried=tried)


def test_the_folds_choose_the_share_of_the_way_among_those_that_forget_little():
    found = at_shares(30, lambda fold, share: share in (0.85, 0.7) or (share == 0.55 and fold == 0))
    assert CrossValidated(found, forgotten(0.0, 0.0, 0.0, 0.0, 0.0)).share == 0.85
    assert CrossValidated(found, forgotten(0.1, 0.1, 0.02, 0.0, 0.0)).share == 0.7
    assert CrossValidated(found, forgotten(0.1, 0.1, 0.1, 0.04, 0.0)).share == 0.55
    assert CrossValidated(found).share == 1.0, "nothing tells what a share forgets"


def test_a_fold_is_judged_at_the_share_that_the_other_folds_choose(shared_model):
    found = at_shares(30, lambda fold, share: share == (0.55 if fold == 0 else 1.0))
    cross_validated = CrossValidated(found, forgotten(0.0, 0.0, 0.0, 0.0, 0.0))
    assert cross_validated.share == 1.0
    answers = cross_validated.answers(shared_model, None)
    right = {fold: sum(bool(p.extraction.spans) for p in answers if p.document.task % 3 == fold) for fold in range(3)}
    assert right == {0: 0, 1: 10, 2: 10}, "fold 0 may not choose the share that is best for itself"


def test_a_fold_is_read_in_blocks(shared_model, monkeypatch):
    asked, read = [], Model.candidates

    def candidates(model, questions, *more, **facts):
        asked.append(len(questions))
        return read(model, questions, *more, **facts)

    monkeypatch.setattr(Model, "candidates", candidates)
    whole = CrossValidation([documents(5)], None).run(lambda fold: [shared_model] * len(SHARES))
    monkeypatch.setattr("training.folds.BLOCK_DOCUMENTS", 2)
    assert CrossValidation([documents(5)], None).run(lambda fold: [shared_model] * len(SHARES)) == whole
    assert asked == [5] * len(SHARES) + [2, 2, 1] * len(SHARES)


def test_the_spans_that_folds_answer_are_above_one_threshold_of_all_probabilities_if_one_is_set(
    shared_model,
):
    found = CrossValidated(out_of_fold(120))
    assert not any(answer.extraction.spans for answer in found.answers(shared_model, 0.8))
    assert all(answer.extraction.spans for answer in found.answers(shared_model, 0.3))
