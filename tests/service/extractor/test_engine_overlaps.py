"""Questions of one engine that are decoded in different ways, in the same batches."""

from __future__ import annotations

import asyncio
import threading

from service.extractor.loaded import Loaded
from service.extractor.questions import Question
from service.model.reading import Reading
from service.model.spans import decide

PAIR = ("person", "person today")


def answer(engine, *questions, threshold=0.5):
    return asyncio.run(engine.ask(questions, threshold, 60))


def labels(items):
    return [sorted(span.label for span in item.spans) for item in items]


def test_each_question_is_decoded_in_its_own_way_or_in_that_of_the_version(engine, shared_model):
    asked = [Question(["Alice"], PAIR), Question(["Alice"], PAIR, {}, "flat"), Question(["Alice"], PAIR, {}, "multi")]
    for own, expected in (("flat", [1, 1, 2]), ("multi", [2, 1, 2])):
        engine.swap(Loaded(own, shared_model.with_reading(Reading(overlap=own))))
        found = answer(engine, *asked)
        assert [len(items[0].spans) for items in found.items] == expected
        assert found.overlap == own


def test_a_version_answers_as_it_was_judged(engine, shared_model):
    model = shared_model.with_reading(Reading(overlap="multi"))
    engine.swap(Loaded("one", model))
    text = " ".join(f"Then Alice met Bob in Paris {number} ." for number in range(100))
    assert len(model.prepare(text, PAIR, 0.5)) > 2
    (found,) = answer(engine, Question([text], PAIR)).items[0]
    assert found.spans == model.extract([text], PAIR, 0.5)[0].spans
    people = [span[:3] for span in found.spans if text[span.start : span.end] in ("Alice", "Bob")]
    assert len(people) == len(set(people)) == 400


def test_a_candidate_below_its_labels_threshold_hides_none_above_its_own(engine, shared_model):
    engine.swap(Loaded("one", shared_model))
    (alone,) = answer(engine, Question(["Alice"], PAIR)).items[0]
    (better,) = alone.spans
    own = {better.label: better.score + (1 - better.score) / 2}
    (found,) = answer(engine, Question(["Alice"], PAIR, own)).items[0]
    assert labels([found]) == [[label for label in PAIR if label != better.label]]


def test_a_request_is_taken_in_while_the_spans_of_another_are_decided(engine, shared_model, monkeypatch):
    deciding, goes_on = threading.Event(), threading.Event()

    def decide_late(*given):
        deciding.set()
        assert goes_on.wait(60)
        return decide(*given)

    monkeypatch.setattr("service.extractor.pending.decide", decide_late)
    engine.swap(Loaded("one", shared_model))

    async def both():
        first = asyncio.create_task(engine.ask([Question(["Alice"], PAIR)], 0.5, 60))
        await asyncio.to_thread(deciding.wait, 60)
        release = threading.Timer(30, goes_on.set)  # if the engine holds its lock, this test must fail and end
        release.start()
        second = asyncio.create_task(engine.ask([Question(["Bob"], PAIR)], 0.5, 60))
        await asyncio.sleep(0)
        waiting, was_free = engine.queued, not goes_on.is_set()
        goes_on.set()
        release.cancel()
        return waiting, was_free, await first, await second

    waiting, was_free, *answers = asyncio.run(both())
    assert (waiting, was_free) == (2, True)
    assert [len(one.items[0][0].spans) for one in answers] == [1, 1]
