"""What a version's scores mean, and which of its spans are taken, by the file beside its weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.model import calibration
from service.model.calibration import Calibration, logit
from service.model.errors import ModelError
from service.model.facts import FactsError
from service.model.model import SCORE_FLOOR, Model
from service.model.reading import Reading
from training.publish import save_model

LABELS = ("person", "company", "city")
TEXT = "Alice met Bob in Paris"
FITTED = Calibration(slope=0.5, offsets={"person": -1.5, "city": -1.0}, thresholds={"person": 0.3, "city": 0.2})


def spans(model, text=TEXT, threshold=None, labels=LABELS):
    return model.extract([text], labels, threshold)[0].spans


def test_a_base_model_has_its_own_scores_and_the_default_threshold(tmp_path, shared_model):
    assert calibration.read(tmp_path) == Calibration()
    save_model(shared_model, tmp_path)
    assert not (tmp_path / "calibration.json").exists()
    assert spans(shared_model) == spans(shared_model, threshold=0.5)


def test_a_published_model_means_what_it_meant(shared_model, tmp_path):
    published = shared_model.with_calibration(FITTED)
    save_model(published, tmp_path)
    again = Model.load(str(tmp_path), "cpu")
    assert again.calibration == FITTED
    assert spans(again) == spans(published) != spans(shared_model)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"format": 2, "anything": 1}', "upgrade Spanloop"),
        ('{"format": 1, "slope": 0}', "cannot be read"),
        ('{"format": 1, "thresholds": {"person": 1}}', "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_refused_with_the_reason(content, told, tmp_path):
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(FactsError, match=told):
        calibration.read(tmp_path)
    with pytest.raises(ModelError, match=told):
        Model.load(str(tmp_path), "cpu")


@given(one=some.floats(0, 1), other=some.floats(0, 1), slope=some.floats(0.1, 5), offset=some.floats(-9, 9))
def test_the_map_is_monotone_for_any_score(one, other, slope, offset):
    fitted = Calibration(slope=slope, offsets={"person": offset})
    low, high = (fitted.probability("person", score) for score in sorted((one, other)))
    assert 0 < low <= high < 1


@given(probability=some.floats(1e-6, 1 - 1e-6), slope=some.floats(0.5, 3), offset=some.floats(-4, 4))
def test_the_score_of_a_probability_has_that_probability(probability, slope, offset):
    fitted = Calibration(slope=slope, offsets={"person": offset})
    back = fitted.probability("person", fitted.score("person", probability))
    assert back == pytest.approx(probability, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("precision", ["", "fp32"], ids=["padded", "packed"])
def test_spans_have_probabilities_and_are_taken_by_them(fresh_model, precision):
    if precision:
        fresh_model.use(precision)
    before = spans(fresh_model, threshold=0.5)
    model = fresh_model.with_calibration(FITTED)
    expected = [span._replace(score=FITTED.probability(span.label, span.score)) for span in before]
    assert len(expected) == 3
    assert spans(model) == tuple(span for span in expected if span.score > FITTED.thresholds[span.label])
    best = max(span.score for span in expected)
    assert spans(model, threshold=best) == ()
    assert {span.score for span in spans(model, threshold=best - 1e-6)} == {best}


@pytest.mark.parametrize("precision", ["", "fp32"], ids=["padded", "packed"])
def test_no_floor_of_scores_hides_a_span_that_passes_its_threshold(fresh_model, precision):
    if precision:
        fresh_model.use(precision)
    model = fresh_model.with_reading(Reading(overlap="multi"))
    faint = min(spans(model, threshold=1e-30), key=lambda span: span.score)
    assert faint.score < SCORE_FLOOR
    sure = Calibration(offsets=dict.fromkeys(LABELS, 4 - logit(faint.score)))
    assert faint[:3] in [span[:3] for span in spans(model.with_calibration(sure), threshold=0.9)]


def test_of_two_overlapping_spans_the_more_probable_is_taken_whatever_their_scores(shared_model):
    pair = ("person", "person today")
    (before,) = spans(shared_model, "Alice", 0.5, pair)
    (other,) = set(pair) - {before.label}
    model = shared_model.with_calibration(Calibration(offsets={before.label: -10.0, other: 30.0}))
    (after,) = spans(model, "Alice", 0.5, pair)
    assert (before.label, after.label) == (before.label, other)


def test_a_label_that_the_version_was_not_tuned_on_keeps_its_scores_and_the_default_threshold(shared_model):
    model = shared_model.with_calibration(
        Calibration(slope=0.3, offsets={"disease": -3.0}, thresholds={"disease": 0.1})
    )
    assert spans(model) == spans(shared_model, threshold=0.5)


def test_what_is_asked_for_goes_before_the_versions_own_thresholds():
    assert FITTED.decision(None).of_labels == FITTED.thresholds
    assert FITTED.decision(None, {"person": 0.7}).of_labels == {"person": 0.7, "city": 0.2}
    assert FITTED.decision(0.4) == (0.4, {})
    assert FITTED.decision(0.4, {"person": 0.7}) == (0.4, {"person": 0.7})
    assert FITTED.decision(None).of_all == 0.5
