"""Which spans a published version must find again when it is loaded."""

from __future__ import annotations

import threading

import pytest

from service.extractor.loading import CanaryFailed, check, load
from service.model.model import Model
from service.model.spans import Extraction, Span
from service.versions.lineage import Canary


def test_the_thread_that_loads_and_computes_ends(model_folder, monkeypatch):
    """OpenMP counts the helper threads of all live threads, and lets all sleep if there are more helpers than CPUs."""
    computed = []
    run = Model.run
    monkeypatch.setattr(Model, "run", lambda *args: computed.append(threading.current_thread()) or run(*args))
    load(str(model_folder), "cpu")
    assert computed
    assert not any(thread.is_alive() for thread in computed)


def test_a_setting_gives_the_base_model_its_windows_and_another_name(model_folder):
    before, after = load(str(model_folder), "cpu"), load(str(model_folder), "cpu", window_words=64)
    assert (before.model.window_words, after.model.window_words) == (384, 64)
    assert after.version == f"{before.version}-w64"


class Finds:
    """A model that finds the same spans in every text."""

    def __init__(self, *spans):
        self.spans = tuple(Span(*span, score=0.9) for span in spans)

    def extract(self, texts, labels, threshold):
        return [Extraction(self.spans, 1.0) for _ in texts]


def canary(*spans):
    return Canary(text="Ann Lee of Acme", labels=("person", "company"), threshold=0.5, spans=spans)


ANN, LEE, ANN_LEE = (0, 3, "person"), (4, 7, "person"), (0, 7, "person")
ACME, AS_PERSON = (11, 15, "company"), (11, 15, "person")


@pytest.mark.parametrize("found", [(ANN_LEE, ACME), (ANN, LEE, ACME), (ANN_LEE, AS_PERSON)])
def test_another_choice_among_spans_that_compete_for_the_same_words_passes(found):
    check(Finds(*found), [canary(ANN_LEE, ACME)], "here")


@pytest.mark.parametrize("found", [(), (ANN_LEE,), (ANN_LEE, (8, 10, "person"), ACME)])
def test_a_missing_or_an_additional_span_fails(found):
    with pytest.raises(CanaryFailed, match="here does not find the spans"):
        check(Finds(*found), [canary(ANN_LEE, ACME)], "here")


def test_a_model_that_finds_most_spans_with_another_label_fails():
    with pytest.raises(CanaryFailed, match="other spans or labels"):
        check(Finds((0, 7, "company"), AS_PERSON), [canary(ANN_LEE, ACME)], "here")


def test_a_model_whose_spans_are_shifted_fails():
    with pytest.raises(CanaryFailed, match="other spans or labels"):
        check(Finds((4, 10, "person")), [canary(ANN_LEE)], "here")


def test_a_canary_without_spans_passes_only_without_spans():
    check(Finds(), [canary()], "here")
    with pytest.raises(CanaryFailed):
        check(Finds(ACME), [canary()], "here")
