"""A run fits what its version's scores mean, and its thresholds, on texts that the version did not learn from."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import torch

from service.model.calibration import Calibration, logit, read, sigmoid, write
from service.model.spans import Span
from training.calibration import FEWEST, answered, choose, expected_error, find, fit, fit_map, reliability
from training.candidates import Answered, Candidate
from training.dataset import Document


def texts(count, chance_of, labels=("person", "city"), seed=0, missed=1):
    """Texts with two candidates of each label, whose scores are right as often as `chance_of` says."""
    random = Random(seed)
    made = []
    for _ in range(count):
        scores = [(label, sigmoid(random.gauss(1, 2))) for label in labels for _ in range(2)]
        candidates = [Candidate(label, score, random.random() < chance_of(label, score)) for label, score in scores]
        annotated = Counter(one.label for one in candidates if one.is_right) + Counter(dict.fromkeys(labels, missed))
        made.append(Answered(tuple(candidates), annotated))
    return made


def overconfident(label, score):
    return sigmoid(0.5 * logit(score) - 1.5)


def unsure(label, score):
    return sigmoid(logit(score) + 3)


def test_an_overconfident_model_gets_probabilities():
    fitted = fit(texts(300, overconfident), ["person", "city"])
    assert fitted.error_after < fitted.error_before / 3
    assert all(abs(one.probability - one.right) < 0.1 for one in fitted.reliable_after)
    assert max(abs(one.probability - one.right) for one in fitted.reliable_before) > 0.1
    assert fitted.error_after < 0.05
    for score in (0.3, 0.6, 0.9):
        assert fitted.calibration.probability("person", score) == pytest.approx(overconfident("", score), abs=0.07)
    assert f"from {fitted.error_before:.3f} to {fitted.error_after:.3f}" in fitted.why
    assert fitted.support == dict(
        sorted(sum((text.annotated for text in texts(300, overconfident)), Counter()).items())
    )


def test_a_threshold_that_loses_much_becomes_half_of_the_best_f1():
    fitted = fit(texts(400, unsure), ["person", "city"])
    assert fitted.f1_after > fitted.f1_before + 0.01
    for threshold in fitted.calibration.thresholds.values():
        assert threshold == pytest.approx(fitted.f1_after / 2, abs=0.15)
    assert "took F1 from" in fitted.why


def test_a_threshold_that_is_about_the_best_takes_the_spans_that_it_took():
    calibration = fit(texts(200, lambda label, score: score, missed=0), ["person", "city"]).calibration
    for label, threshold in calibration.thresholds.items():
        assert threshold == pytest.approx(calibration.probability(label, 0.5), abs=1e-3)


def test_labels_that_mean_the_same_share_an_offset_and_others_do_not():
    alike = fit(texts(300, overconfident), ["person", "city"]).calibration.offsets
    assert alike["person"] == alike["city"]
    apart = fit(
        texts(300, lambda label, score: overconfident(label, score) if label == "city" else score), []
    ).calibration
    assert apart.offsets["city"] < apart.offsets["person"] - 0.5


def test_a_label_that_the_texts_do_not_show_has_what_all_have_in_common():
    calibration = fit(texts(100, overconfident), ["person", "city", "rare"]).calibration
    assert calibration.offsets["rare"] == pytest.approx(calibration.offsets["person"], abs=0.01)
    assert min(calibration.thresholds.values()) - 0.05 < calibration.thresholds["rare"] < 0.5


def f1(given, calibration):
    """Strict micro F1 of the candidates that are answered."""
    taken = [
        one
        for text in given
        for one in text.candidates
        if calibration.probability(one.label, one.score) > calibration.thresholds.get(one.label, 0.5)
    ]
    wanted = sum(text.annotated.total() for text in given)
    return 2 * sum(one.is_right for one in taken) / (len(taken) + wanted)


def test_the_f1_that_it_tells_is_that_of_the_answers():
    given = texts(400, unsure)
    fitted = fit(given, [])
    assert fitted.f1_before == pytest.approx(f1(given, Calibration()), abs=1e-4)
    assert fitted.f1_after == pytest.approx(f1(given, fitted.calibration), abs=0.01), "this one is cross-validated"
    assert fitted.candidates == 400 * 4


def test_a_label_that_loses_nothing_keeps_its_threshold_beside_one_that_gets_another():
    given = texts(600, lambda label, score: unsure(label, score) if label == "city" else score, missed=0)
    calibration = fit(given, []).calibration
    kept = {label: calibration.probability(label, 0.5) for label in ("person", "city")}
    assert calibration.thresholds["person"] == pytest.approx(kept["person"], abs=1e-3)
    assert calibration.thresholds["city"] < kept["city"] - 0.1


def test_progress_rises_to_the_whole_while_a_calibration_is_fitted():
    for way in (fit, fit_map):
        told = []
        way(texts(60, overconfident), [], told.append)
        assert len(told) > 5
        assert told == sorted(told)
        assert told[-1] == 1


@pytest.mark.parametrize("chance", [overconfident, unsure])
def test_texts_that_judge_tell_what_scores_mean_and_no_answer_changes(chance):
    given = texts(50, lambda label, score: chance(label, score) if label == "city" else score)
    fitted = fit_map(given, ["person", "city", "rare"])
    calibration = fitted.calibration
    assert calibration.offsets["city"] == calibration.offsets["person"] == calibration.offsets["rare"]
    assert fitted.error_after < fitted.error_before
    assert fitted.f1_after == fitted.f1_before
    assert f1(given, calibration) == f1(given, Calibration())
    ordered = sorted((one for text in given for one in text.candidates), key=lambda one: one.score)
    mapped = [calibration.probability(one.label, one.score) for one in ordered]
    assert mapped == sorted(mapped)
    for score in (0.5, 0.4999, 0.5001):
        for label, threshold in calibration.thresholds.items():
            assert (calibration.probability(label, score) > threshold) == (score > 0.5)
    assert "on the 50 held-out texts" in fitted.why
    assert "they chose no threshold" in fitted.why


@pytest.mark.parametrize("middle", [2.0, -2.0])
def test_where_scores_of_one_half_are_hardly_ever_or_nearly_always_right_the_calibration_can_be_kept(tmp_path, middle):
    steep = fit(texts(300, lambda label, score: sigmoid(60 * (logit(score) - middle))), ["rare"]).calibration
    assert abs(logit(steep.probability("person", 0.5))) > 10
    write(tmp_path, steep)
    assert read(tmp_path) == steep


def test_few_annotated_spans_move_the_threshold_little():
    def moved(count):
        calibration = fit(texts(count, unsure, missed=2), []).calibration
        kept = calibration.probability("person", 0.5)  # what the default threshold means
        return abs(logit(calibration.thresholds["person"]) - logit(kept))

    assert moved(150) < moved(800)


@pytest.mark.parametrize("chance", [0.0, 1.0])
@pytest.mark.parametrize("way", [fit, fit_map])
def test_where_too_little_is_right_or_wrong_scores_and_threshold_stay(chance, way):
    fitted = way(texts(100, lambda label, score: chance), ["person"])
    assert fitted.calibration == Calibration()
    assert not fitted.calibration.changes
    assert f"{FEWEST} right and {FEWEST} wrong ones are needed" in fitted.why
    assert (fitted.error_before, fitted.f1_after) == (None, None)
    assert way([], ["person"]).calibration == Calibration()


@pytest.mark.parametrize("is_right", [True, False])
def test_where_all_that_is_right_or_wrong_is_in_one_text_scores_and_threshold_stay(is_right):
    one = Answered((Candidate("a", 0.7, is_right),) * FEWEST, Counter(a=FEWEST))
    other = Answered((Candidate("a", 0.3, not is_right),) * FEWEST, Counter(a=FEWEST))
    in_one = Answered(one.candidates + other.candidates, one.annotated)
    empty = Answered((), Counter())
    for given in ([in_one, *[empty] * 9], [one, *[other] * 9]):
        fitted = fit(given, ["a"])
        assert fitted.calibration == Calibration()
        assert "too few texts hold the right spans or the wrong ones" in fitted.why


def test_a_fold_without_candidates_is_calibrated_by_the_others_and_the_others_without_it():
    some = Answered((Candidate("a", 0.7, True), Candidate("a", 0.3, False)) * FEWEST, Counter(a=FEWEST))
    empty = Answered((), Counter())
    assert fit([some, some, *[empty] * 8], ["a"]).calibration.offsets


def groups_of(outcomes):
    chances = torch.tensor([chance for chance, _ in outcomes])
    return reliability(chances, torch.tensor([is_right for _, is_right in outcomes], dtype=torch.bool))


def error_of(outcomes):
    return expected_error(groups_of(outcomes))


def test_reliability_has_groups_of_equally_many_by_ascending_probability():
    found = groups_of([(0.9, True), (0.1, False)] * 10 + [(0.1, True)] * 5 + [(0.9, False)] * 5)
    assert [one.spans for one in found] == [3] * 10
    assert [one.probability for one in found] == pytest.approx([0.1] * 5 + [0.9] * 5)
    assert sum(one.right * one.spans for one in found) == pytest.approx(15)
    assert groups_of([(0.3, True)])[0].right == 1


def test_the_expected_error_is_that_computed_by_hand():
    # Ten groups of two: nine that are right as often as they say, and one that says 0.9 and is never right.
    assert error_of([(0.5, True), (0.5, False)] * 9 + [(0.9, False)] * 2) == pytest.approx(0.9 * 2 / 20)
    assert error_of([(1.0, True), (0.0, False)]) == 0
    assert error_of([]) == 0


def documents(count):
    """Texts of which every second annotator marked no company."""
    marked = (Span(0, 5, "person", 1.0), Span(15, 19, "company", 1.0))
    return [
        Document("Alice works at Acme", ("company", "person"), marked[: 1 + at % 2], task=at) for at in range(count)
    ]


def test_what_a_model_finds_is_compared_with_what_is_annotated(shared_model):
    one, other = answered(find(shared_model.with_calibration(Calibration(offsets={"person": -9.0})), documents(2)))
    by_label = [{c.label: c.is_right for c in text.candidates if c.score > 0.5} for text in (one, other)]
    assert by_label == [{"person": True, "company": False}, {"person": True, "company": True}]
    assert (one.annotated, other.annotated) == (Counter(person=1), Counter(person=1, company=1))


def test_a_model_is_calibrated_by_documents(shared_model):
    fitted = choose(shared_model, find(shared_model, documents(100)), ["company", "person", "city"])
    score = max(c.score for c in answered(find(shared_model, documents(1)))[0].candidates if c.label == "company")
    assert fitted.calibration.probability("company", score) == pytest.approx(0.5, abs=0.1)
    assert set(fitted.calibration.thresholds) == {"company", "person", "city"}


def test_without_texts_that_were_not_learnt_from_it_says_so():
    assert "no texts are kept apart that could tell" in fit([], ["person"]).why
