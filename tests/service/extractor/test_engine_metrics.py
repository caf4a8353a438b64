"""The metrics of an engine."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import Cause
from service.extractor.loaded import Loaded
from service.extractor.loading import load
from service.extractor.questions import Question
from tests.support.tiny_engine import LABELS, Gate, Hooked, extract


def test_texts_that_wait_are_counted(engine, shared_model, until):
    gate = Gate()

    engine.swap(Loaded("one", Hooked(shared_model, gate)))

    async def ask():
        asked = asyncio.create_task(extract(engine, ["Alice"] * 40))
        await asyncio.to_thread(gate.begun.wait, 30)
        waiting = engine.queued
        gate.opened.set()
        await asked
        return waiting

    assert asyncio.run(ask()) == 40
    until(lambda: engine.queued == 0)


def test_batches_are_measured_without_their_padding(engine, shared_model, grown, gathering):
    """A batch of a long and a short text: the padding of the short text is not counted."""
    engine.swap(Loaded("one", shared_model))
    asked = ["Alice", "Bob met " + "Carol in the house " * 20]
    asyncio.run(extract(engine, asked))
    windows = [window for text in asked for window in shared_model.prepare(text, LABELS, 0.5)]
    assert len(windows) == 2
    assert grown("spanloop_batch_items_sum") == 2
    assert grown("spanloop_batch_items_bucket", le="1.0") == 0
    assert grown("spanloop_batch_tokens_sum") == sum(window.tokens for window in windows)
    assert grown("spanloop_batch_duration_seconds_count") == grown("spanloop_batch_items_count") == 1


def test_the_wait_of_a_text_with_many_windows_is_counted_once(engine, shared_model, grown):
    engine.swap(Loaded("one", shared_model))
    long = "Alice " + "house " * 1500
    assert len(shared_model.prepare(long, LABELS, 0.5)) > 3
    asyncio.run(extract(engine, [long, "Bob", ""]))
    assert grown("spanloop_queue_wait_seconds_count") == 2
    assert grown("spanloop_batch_items_sum") > 4


def test_the_wait_of_a_text_ends_when_its_batch_begins(engine, shared_model, grown, monkeypatch, gathering):
    """A prepared text for which the batch has no room goes on waiting."""
    monkeypatch.setattr("service.extractor.pace.TOKENS_FIRST", 1)
    gate = Gate()

    engine.swap(Loaded("one", Hooked(shared_model, gate)))

    async def ask():
        asked = asyncio.create_task(extract(engine, ["Alice", "Bob"]))
        await asyncio.to_thread(gate.begun.wait, 30)
        waited = grown("spanloop_queue_wait_seconds_count")
        gate.opened.set()
        await asked
        return waited

    assert asyncio.run(ask()) == 1
    assert grown("spanloop_queue_wait_seconds_count") == 2


def test_spans_found_are_counted_by_label_with_their_scores(engine, shared_model, grown, no_labels_yet):
    engine.swap(Loaded("one", shared_model))
    (item, other) = asyncio.run(extract(engine, ["Alice met Bob", "Acme"])).items
    assert grown("spanloop_entities_total", label="person") == 2
    assert grown("spanloop_entities_total", label="company") == 1
    assert grown("spanloop_entity_score_sum") == pytest.approx(sum(s.score for s in (*item.spans, *other.spans)))


def test_texts_without_an_answer_are_counted_by_cause(engine, shared_model, grown):
    def poisoned(batch):
        if any("poison" in window.words for window in batch):
            raise RuntimeError("out of memory")

    engine.swap(Loaded("one", Hooked(shared_model, poisoned)))
    asyncio.run(extract(engine, ["Alice", "poison", "lone surrogate \ud800", "poison"]))
    asyncio.run(extract(engine, ["Alice"] * 5, 0.0))
    causes = {cause: grown("spanloop_errors_total", cause=cause) for cause in Cause}
    assert {cause: count for cause, count in causes.items() if count} == {
        Cause.MODEL_FAILED: 2,
        Cause.BAD_TEXT: 1,
        Cause.DEADLINE: 5,
    }


def test_the_loading_time_is_exposed_once_a_model_is_loaded(engine, model_folder):
    def values():
        return {family.name: [sample.value for sample in family.samples] for family in engine.gauges()}

    assert values() == {"spanloop_texts_queued": [0], "spanloop_model_load_seconds": []}
    engine.swap(load(str(model_folder), "cpu"))
    (seconds,) = values()["spanloop_model_load_seconds"]
    assert seconds > 0


def test_a_wording_that_is_too_long_counts_as_bad_config_and_logs_no_traceback(engine, shared_model, grown, caplog):
    engine.swap(Loaded("one", shared_model))
    answer = asyncio.run(engine.ask([Question(["Alice", "Bob"], ["word " * 600])], 0.5, 60))
    assert all("too long for the model" in item.reason for item in answer.items[0])
    assert grown("spanloop_errors_total", cause="bad_config") == 2
    assert grown("spanloop_errors_total", cause="bad_text") == 0
    assert "Traceback" not in caplog.text


def test_an_error_of_the_engine_does_not_count_as_a_missed_deadline(engine, shared_model, grown, monkeypatch):
    def fail():
        raise RuntimeError("no batch")

    engine.swap(Loaded("one", shared_model))
    with monkeypatch.context() as patched:
        patched.setattr(engine, "_collect", fail)
        (item,) = asyncio.run(extract(engine, ["Alice"])).items
    assert "the extractor failed" in item.reason
    assert grown("spanloop_errors_total", cause="internal") >= 1
    assert grown("spanloop_errors_total", cause="deadline") == 0
    (item,) = asyncio.run(extract(engine, ["Alice"])).items
    assert len(item.spans) == 1
