from __future__ import annotations

import pytest
import torch

from service.model.calibration import Calibration
from service.model.model import Model
from service.model.reading import Reading
from service.model.spans import Span
from training import replay
from training.guard import Guard

SENTENCES = [
    "Alice met Bob in New York",
    "Carol and Dave lives in Paris",
    "the team of Acme near Rome",
    "Erin works at Globex in Oslo",
    "the old house",
]
LABELS = ["city", "company", "person"]


def changed(folder, amount):
    """The tiny model with weights that were moved at random."""
    model = Model.load(str(folder), "cpu")
    torch.manual_seed(3)
    with torch.no_grad():
        for weights in model.gliner.model.parameters():
            weights.add_(amount * weights.std() * torch.randn_like(weights))
    return model


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(replay, "sentences", {"guard": SENTENCES}.__getitem__)
    monkeypatch.setattr(replay, "broad_labels", lambda: [*LABELS, "river", "zoo"])


def test_a_model_against_itself_has_forgotten_nothing(shared_model):
    found = Guard(shared_model, SENTENCES, LABELS, 0.5).measure(shared_model)
    assert found.score.f1 == 1
    assert (found.lost, found.added, found.change, found.expected) == (0, 0, 0, 0)
    assert found.kept == sum(found.score.support.values()) >= 6
    assert found.score.on == "guard"


def test_what_is_kept_lost_and_added_is_what_one_counts_by_hand(shared_model, model_folder):
    guard = Guard(shared_model, SENTENCES, LABELS, 0.5)
    other = changed(model_folder, 0.5)

    def spans(model):
        found = enumerate(model.extract(SENTENCES, LABELS, 0.5))
        return {(n, *span[:3]): span.score for n, extraction in found for span in extraction.spans}

    before, after = spans(shared_model), spans(other)
    found = guard.measure(other)
    assert found.lost > 0, "the weights were moved too little for this test"
    assert found.kept == len(before.keys() & after.keys())
    assert found.lost == len(before.keys() - after.keys())
    assert found.added == len(after.keys() - before.keys())
    assert found.score.f1 == pytest.approx(2 * found.kept / (len(before) + len(after)), abs=1e-6)
    assert {label: sum(key[3] == label for key in before) for label in found.score.support} == found.score.support
    assert f"Of {len(before)} spans that the base model finds" in found.told()


def test_probabilities_move_before_spans_are_lost(shared_model, model_folder):
    guard = Guard(shared_model, SENTENCES, LABELS, 0.5)
    little, much = (guard.measure(changed(model_folder, amount)) for amount in (0.01, 0.5))
    assert little.score.f1 == 1
    assert 0 < little.change < much.change <= 1


def test_the_base_is_asked_for_the_labels_that_it_knows_and_for_no_others(shared_model, known):
    found = Guard.of(shared_model, 0.5).measure(shared_model)
    assert set(found.score.support) == {"city", "person"}, "two companies in five sentences are too few"


def test_a_base_that_finds_nothing_has_nothing_to_forget(shared_model):
    assert Guard(shared_model, ["the old house"], LABELS, 0.5).measure(shared_model) is None
    assert Guard(shared_model, SENTENCES, [], 0.5).measure(shared_model) is None


NESTED = (Span(0, 8, "city", 0.9), Span(4, 8, "city", 0.8))


class Answers:
    """A model that gives each text the same candidates: by default a city within a longer one."""

    calibration = Calibration()

    def __init__(self, overlap="flat", spans=NESTED):
        self.reading = Reading(overlap=overlap)
        self.spans = list(spans)

    def candidates(self, questions, threshold, keeps_overlaps, told):
        return [self.spans for _ in questions]


def test_what_is_lost_is_told_as_f1_by_the_probabilities_of_the_base():
    sure, unsure = Span(0, 3, "city", 0.9), Span(4, 8, "city", 0.6)
    guard = Guard(Answers(spans=[sure, unsure]), ["New York"], ["city"], 0.5)
    before = 2 * 1.5 / (2 + 1.5)
    for kept, right in ((sure, 0.9), (unsure, 0.6)):
        found = guard.measure(Answers(spans=[kept]))
        assert found.expected == pytest.approx(before - 2 * right / (1 + 1.5), abs=1e-6)
        assert f"costs {found.expected:.3f} F1" in found.told()
    assert guard.expected(Answers(spans=[sure])) < 0.15 < guard.expected(Answers(spans=[unsure]))


def test_a_version_that_answers_spans_within_spans_has_forgotten_nothing_by_that():
    found = Guard(Answers("flat"), ["New York"], ["city"], 0.5).measure(Answers("nested"))
    assert (found.kept, found.lost, found.added) == (1, 0, 0)
