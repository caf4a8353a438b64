"""A Label Studio that is away for a while: who waits for it, what is sent again, and for how long."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest

from service.labelstudio import pages, patience
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.patience import Patience
from service.labelstudio.predictions import NotKnown, Predictions
from tests.support.predicted import PredictedStudio
from tests.support.servers import free_port
from tests.support.studio import KEY, PERSONAL_KEY, served

V1 = "base.111111"
AGAIN = 1
"""How often a page is asked for again after all patience."""


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(pages, "RETRY_SECONDS", (0.0,) * AGAIN)


@pytest.fixture
def studio():
    with served(PredictedStudio(texts={number: f"text {number}" for number in range(1, 4)})) as state:
        yield state


@pytest.fixture
def predictions(settings):
    def make(url, waits, key=KEY):
        client = LabelStudio(settings(label_studio_url=url, label_studio_api_key=key), 5.0, waits)
        return Predictions(client.connect(), client.url, 1, V1)

    return make


def item(task):
    return json.dumps({"task": task, "result": [], "score": 0.5, "model_version": V1}).encode()


@pytest.mark.parametrize("status", [502, 503])
def test_pages_come_when_the_proxy_has_a_server_again(studio, predictions, status):
    told = []

    def wait(why):
        told.append(why)
        studio.broken = status if len(told) < 3 else 0

    studio.broken = status
    pages_read = list(predictions(studio.url, Patience(wait)).pages().read([], params={}))
    assert [task["id"] for page in pages_read for task in page.tasks] == [1, 2, 3]
    assert all(str(status) in why for why in told[:-1])
    assert told[-1] == "", "it waits no more"


@pytest.mark.parametrize("status", [502, 503])
@pytest.mark.parametrize(
    "ask", [lambda of: of.having([1, 2, 3]), lambda of: of.write([item(1)])], ids=["read", "write"]
)
def test_a_personal_access_token_is_exchanged_when_the_proxy_has_a_server_again(studio, predictions, status, ask):
    told = []

    def wait(why):
        told.append(why)
        studio.broken = status if len(told) < 3 else 0

    studio.broken = status
    ask(predictions(studio.url, Patience(wait), PERSONAL_KEY))
    assert "does not answer" in told[0]
    assert told[-1] == ""
    assert len(studio.granted) == 1


def test_what_could_not_be_sent_is_sent_when_somebody_listens(predictions):
    """No connection was made, so a write is not doubled."""
    port = free_port(0)
    state = PredictedStudio(texts={1: "text"})
    with ExitStack() as running:

        def listen(why):
            if why and not state.url:
                running.enter_context(served(state, port))

        assert predictions(f"http://127.0.0.1:{port}", Patience(listen)).write([item(1)]) == 1
    assert state.of(V1) == [1]


def test_a_write_that_a_proxy_refused_is_not_sent_again_here(studio, predictions):
    """Whether it was stored is not known: who wrote it asks first."""
    studio.broken = 502
    with pytest.raises(NotKnown):
        predictions(studio.url, Patience(lambda why: None)).write([item(1)])
    assert len([path for path in studio.asked if path.startswith("POST")]) == 1


def test_patience_has_an_end_and_begins_anew_after_an_answer(studio, predictions, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: clock[0])

    def wait(why):
        clock[0] += 100

    asked = predictions(studio.url, Patience(wait, seconds=250))
    studio.broken = 503
    with pytest.raises(LabelStudioError):
        asked.having([1, 2, 3])
    assert len(studio.asked) == 4 + AGAIN
    with pytest.raises(LabelStudioError):
        asked.having([1, 2, 3])
    assert len(studio.asked) == 4 + AGAIN + 1 + AGAIN, "what has been waited for in vain is not waited for once more"
    studio.broken = 0
    assert asked.having([1, 2, 3]) == set()
    studio.broken = 503
    begun = len(studio.asked)
    with pytest.raises(LabelStudioError):
        asked.having([1, 2, 3])
    assert len(studio.asked) - begun == 4 + AGAIN


def test_whoever_must_end_waits_no_longer(studio, predictions):
    told = []
    studio.broken = 503
    with pytest.raises(LabelStudioError):
        predictions(studio.url, Patience(told.append, is_over=lambda: len(told) > 0)).having([1, 2, 3])
    assert len(told) == 1


def test_without_patience_nothing_is_waited_for(settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = LabelStudio(
            settings(label_studio_url=f"http://127.0.0.1:{closed.getsockname()[1]}", label_studio_api_key=KEY)
        )
        with pytest.raises(LabelStudioError, match="does not answer"):
            client.annotation_state([1])
