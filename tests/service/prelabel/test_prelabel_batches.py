"""Batches that a backend over HTTP answers, answers in part, or does not answer."""

from __future__ import annotations

import pytest

from service.extractor.questions import NOT_REACHED
from service.prelabel import backend as module
from service.prelabel.backend import Backend, BackendError
from service.prelabel.batches import Batches
from service.prelabel.settings import PrelabelSettings
from service.prelabel.stopping import Stopped, Stopping
from tests.support import fake_backend
from tests.support.studio import LABEL_CONFIG

TEXTS = [f"text {number}" for number in range(40)]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)


@pytest.fixture
def backend():
    with fake_backend.serving() as state:
        yield state


@pytest.fixture
def stopping():
    return Stopping()


@pytest.fixture
def batches(backend, stopping):
    source = Backend(PrelabelSettings(backend_url=backend.url), stopping)
    return Batches(source, 1, LABEL_CONFIG, stopping)


def given_up(batches, texts=TEXTS):
    """The texts that got no prediction, with the reasons."""
    tasks = [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]
    answered = [pair for batch in batches.predicted(tasks) for pair in batch]
    assert [task for task, _ in answered] == tasks
    return {task["data"]["text"]: item["error"] for task, item in answered if "error" in item}


@pytest.mark.parametrize("status", [500, 503, 0])
def test_a_text_that_the_backend_fails_on_costs_no_other_its_prediction(backend, batches, status):
    backend.status = lambda texts: status if "text 21" in texts else 200
    why = status or "RemoteProtocolError"
    assert given_up(batches) == {"text 21": f"the backend gave no prediction ({why})"}


def test_a_body_that_the_backend_finds_too_large_is_halved(backend, batches):
    backend.status = lambda texts: 413 if sum(map(len, texts)) > 50 else 200
    assert not given_up(batches)
    assert given_up(batches, ["x" * 60, "y"]) == {"x" * 60: "the backend gave no prediction (413)"}


@pytest.mark.parametrize("reached", [1, 3, 9])
def test_what_the_backend_had_no_time_for_is_asked_again_in_smaller_batches(backend, batches, reached):
    backend.error = lambda texts, text: "" if texts.index(text) < reached else NOT_REACHED
    assert not given_up(batches)


def test_a_batch_of_which_nothing_was_reached_is_asked_again_task_by_task(backend, batches):
    backend.error = lambda texts, text: NOT_REACHED if len(texts) > 1 else ""
    assert not given_up(batches)


def test_a_text_that_is_late_each_time_is_given_up(backend, batches):
    backend.error = lambda texts, text: NOT_REACHED if text == "text 21" else ""
    assert given_up(batches) == {"text 21": NOT_REACHED}
    assert len([texts for texts in backend.asked if "text 21" in texts]) <= 5


def test_a_text_that_failed_for_another_reason_is_asked_for_once_more(backend, batches):
    backend.error = lambda texts, text: "the model failed" if text == "text 21" else ""
    assert given_up(batches) == {"text 21": "the model failed"}
    assert len([texts for texts in backend.asked if "text 21" in texts]) == 2


def test_a_backend_that_has_no_model_yet_is_waited_for(backend, batches, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60.0)
    backend.status = lambda texts: 503 if len(backend.asked) < 6 else 200
    assert not given_up(batches)


def test_a_backend_that_answers_nothing_is_given_up_and_no_task_is(backend, batches):
    backend.status = lambda texts: 500
    with pytest.raises(BackendError, match=r"does not answer \(500 request \d+\)"):
        given_up(batches)
    assert sum(map(len, backend.asked)) <= len(TEXTS)


def test_it_stops_waiting_when_it_is_asked_to_end(backend, batches, stopping, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 600.0)

    def stopped(texts):
        stopping.set()
        return 503

    backend.status = stopped
    with pytest.raises(Stopped):
        given_up(batches)


def test_half_a_character_in_a_task_reaches_the_backend(backend, batches):
    assert not given_up(batches, ["\ud83d", "text"])
    assert backend.asked == [["\ud83d", "text"]]


def test_wrong_credentials_end_it(backend, batches):
    backend.status = lambda texts: 401
    with pytest.raises(BackendError, match="credentials"):
        given_up(batches)
