"""What a published version must find again where it is loaded."""

from __future__ import annotations

import threading

import pytest

from service.extractor.loading import CanaryFailed, check, load
from service.model.model import Model
from service.model.spans import Extraction, Span
from service.versions.lineage import Canary


def test_no_thread_that_has_computed_is_left_behind(model_folder, monkeypatch):
    """OpenMP counts its helpers, and lets all of them sleep where there are more than processors."""
    computed = []
    run = Model.run
    monkeypatch.setattr(Model, "run", lambda *args: computed.append(threading.current_thread()) or run(*args))
    load(str(model_folder), "cpu")
    assert computed
    assert not any(thread.is_alive() for thread in computed)


class Finds:
    """A model that finds these spans, whatever it is asked."""

    def __init__(self, *spans):
        self.spans = tuple(Span(*span, score=0.9) for span in spans)

    def extract(self, texts, labels, threshold):
        return [Extraction(self.spans, 1.0) for _ in texts]


def canary(*spans):
    return Canary(text="Ann Lee of Acme", labels=("person", "company"), threshold=0.5, spans=spans)


ANN, LEE, ANN_LEE = (0, 3, "person"), (4, 7, "person"), (0, 7, "person")
ACME, AS_PERSON = (11, 15, "company"), (11, 15, "person")


@pytest.mark.parametrize("found", [(ANN_LEE, ACME), (ANN, LEE, ACME), (ANN_LEE, AS_PERSON)])
def test_what_competes_for_the_same_words_may_be_chosen_otherwise_in_another_precision(found):
    check(Finds(*found), [canary(ANN_LEE, ACME)], "here")


@pytest.mark.parametrize("found", [(), (ANN_LEE,), (ANN_LEE, (8, 10, "person"), ACME)])
def test_what_is_gone_or_new_fails(found):
    with pytest.raises(CanaryFailed, match="here does not find the spans"):
        check(Finds(*found), [canary(ANN_LEE, ACME)], "here")


def test_a_model_that_calls_most_otherwise_fails():
    with pytest.raises(CanaryFailed, match="other spans or labels"):
        check(Finds((0, 7, "company"), AS_PERSON), [canary(ANN_LEE, ACME)], "here")


def test_a_model_whose_words_have_moved_fails():
    with pytest.raises(CanaryFailed, match="other spans or labels"):
        check(Finds((4, 10, "person")), [canary(ANN_LEE)], "here")


def test_where_nothing_was_found_nothing_may_be():
    check(Finds(), [canary()], "here")
    with pytest.raises(CanaryFailed):
        check(Finds(ACME), [canary()], "here")
