"""How long a version's windows are is measured on annotated texts."""

from __future__ import annotations

import random

import pytest

from service.model.reading import Reading
from service.model.spans import Span
from tests.support import tiny
from tests.support.lexicon import knowing
from training.dataset import Document
from training.learn import Learning
from training.lengths import FEWEST_SPANS, choose, measure, with_length
from training.settings import TrainingSettings

LABELS = ("city", "company", "person")


def notes(count: int, sentences: int, seed: int = 5) -> list[Document]:
    """Annotated notes of short sentences, each closed by a full stop before a capital letter."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        text, spans = "", []
        for _ in range(sentences):
            words, named = tiny.sentence(rng)
            starts = [len(text) + len(" ".join([*words[:at], ""])) for at in range(len(words))]
            spans += [Span(starts[first], starts[last] + len(words[last]), label, 1.0) for first, last, label in named]
            text += f"{' '.join(words)} . The "
        made.append(Document(text, LABELS, tuple(spans), task=number))
    return made


def learning(tmp_path, model_folder, model, **more) -> Learning:
    settings = TrainingSettings(model=str(model_folder), home=tmp_path, **more)
    return Learning(settings, model, notes(2, 1))


def test_a_model_that_has_learnt_short_sentences_gets_short_windows(tmp_path, model_folder, shared_model):
    one = learning(tmp_path, model_folder, shared_model)
    one.fit_windows(notes(6, 60))
    assert one.window_scores[32] > one.window_scores[384]
    assert one.model.reading.window_words == 32
    assert one.windows[0].startswith("A window has at most 32 words (F1 on validation by length: 32: ")


def test_a_model_that_reads_long_texts_as_well_gets_long_windows(tmp_path, model_folder, shared_model):
    one = learning(tmp_path, model_folder, shared_model.with_reading(Reading(window_words=48)))
    one.model = knowing(one.model)
    one.fit_windows(notes(6, 60))
    assert set(one.window_scores.values()) == {1.0}
    assert one.model.window_words == max(one.window_scores) > 128


@pytest.mark.parametrize(("count", "sentences"), [(40, 1), (2, 12), (0, 1)], ids=["short", "few", "none"])
def test_texts_that_are_too_short_or_too_few_to_tell_keep_the_base_models_length(
    tmp_path, model_folder, shared_model, count, sentences
):
    one = learning(tmp_path, model_folder, shared_model.with_reading(Reading(window_words=100)))
    one.fit_windows(notes(count, sentences))
    assert (one.model.reading.window_words, one.window_scores, one.windows) == (100, {}, [])


def test_only_lengths_that_enough_spans_can_tell_are_tried(shared_model):
    documents = notes(12, 12)
    longest = max(len(document.text.split()) for document in documents)
    tried = measure(shared_model, documents)
    assert sum(len(document.spans) for document in documents) >= FEWEST_SPANS
    assert set(tried) - {shared_model.max_words}
    assert all(length < longest for length in tried if length != shared_model.max_words)


def test_a_threshold_of_probabilities_is_not_applied_to_the_scores_by_which_a_run_chooses(
    tmp_path, model_folder, shared_model
):
    found = []
    for threshold in (None, 0.9999):
        one = learning(tmp_path, model_folder, shared_model, threshold=threshold)
        one.fit_windows(notes(6, 60))
        one.move(notes(20, 1))
        found.append((one.window_scores, [tried.f1 for tried in one.blend.tried]))
    assert found[0] == found[1]
    assert max(found[0][0].values()) > 0.5


def test_a_shorter_window_must_be_better_by_a_margin():
    assert choose({32: 0.800, 48: 0.798, 96: 0.796, 384: 0.70}) == 96
    assert choose({32: 0.800, 48: 0.790, 96: 0.796, 384: 0.70}) == 96
    assert choose({32: 0.81, 384: 0.80}) == 32
    assert choose({32: 0.80, 384: 0.80}) == 384


def test_windows_of_the_models_own_limit_need_no_entry_in_the_reading(shared_model):
    assert with_length(shared_model, 64).reading.window_words == 64
    assert with_length(shared_model, shared_model.max_words).reading.window_words is None
