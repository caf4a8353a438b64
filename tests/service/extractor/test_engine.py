from __future__ import annotations

import asyncio
import gc
import random
import sys
import threading
import time
import weakref

import pytest
import torch

from service.extractor.engine import BATCH_WINDOWS_MAX, Engine
from service.extractor.loaded import Loaded
from service.extractor.questions import Failure, Question, Unavailable
from service.model.spans import Extraction
from tests.support.tiny_engine import LABELS, Gate, Hooked, extract


@pytest.fixture(scope="module")
def texts():
    from tests.support import tiny

    rng = random.Random(9)
    found = [" ".join(tiny.sentence(rng)[0]) for _ in range(60)]
    found[7] = "‍ " + found[7]
    found[11] = " ".join(found[12:40]) * 3
    found[13] = ""
    return found


def simple(extraction):
    return [(s.start, s.end, s.label) for s in extraction.spans]


def test_32_concurrent_requests_under_swaps_equal_what_their_version_gives_alone(
    engine, shared_model, fresh_model, texts
):
    with torch.no_grad():
        for parameter in fresh_model.gliner.model.parameters():
            parameter.mul_(0.93)
    models = {"one": shared_model, "two": fresh_model}
    alone = {version: [simple(e) for e in model.extract(texts, LABELS, 0.5)] for version, model in models.items()}
    assert alone["one"] != alone["two"], "the test needs two versions with different answers"
    engine.swap(Loaded("one", shared_model))
    ended = threading.Event()

    def swap() -> None:
        for turn in range(100_000):
            if ended.is_set():
                return
            version = ("two", "one")[turn % 2]
            engine.swap(Loaded(version, models[version]))
            time.sleep(0.001)

    async def ask(number: int):
        await asyncio.sleep(0.002 * number)
        start = number % 7
        return start, await extract(engine, texts[start : start + 6 + number // 2])

    async def all_of_them():
        return await asyncio.gather(*(ask(number) for number in range(32)))

    swapping = threading.Thread(target=swap)
    swapping.start()
    answers = asyncio.run(all_of_them())
    ended.set()
    swapping.join()
    assert {answer.version for _, answer in answers} == {"one", "two"}
    for start, answer in answers:
        expected = alone[answer.version][start : start + len(answer.items)]
        assert [simple(item) for item in answer.items] == expected


def test_requests_that_arrive_at_any_moment_never_stop_the_engine(engine, shared_model):
    """Several event loops ask at once, and Python switches between threads as often as possible."""
    engine.swap(Loaded("one", shared_model))

    def caller() -> None:
        async def many():
            for _ in range(12):
                await asyncio.gather(*(extract(engine, ["Alice"]) for _ in range(4)))

        asyncio.run(many())

    callers = [threading.Thread(target=caller, daemon=True) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in callers:
            thread.start()
        for thread in callers:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in callers)
    finally:
        sys.setswitchinterval(before)
    assert asyncio.run(extract(engine, ["Alice"])).items


def test_a_text_that_the_model_fails_on_fails_that_item_only(engine, shared_model, texts, service_log):
    def poisoned(batch):
        if any("poison" in window.words for window in batch):
            raise RuntimeError("out of memory")

    engine.swap(Loaded("one", Hooked(shared_model, poisoned)))
    asked = [*texts[:5], "Alice and poison", *texts[5:10]]
    items = asyncio.run(extract(engine, asked)).items
    assert isinstance(items[5], Failure)
    assert "failed on this text" in items[5].reason
    good = [simple(item) for item in items[:5] + items[6:]]
    assert good == [simple(e) for e in shared_model.extract(texts[:10], LABELS, 0.5)]
    assert any("out of memory" in line or "the model failed" in line for line in service_log)


def test_a_window_of_a_long_text_that_fails_fails_the_whole_text_and_no_other(engine, shared_model):
    def poisoned(batch):
        if any("poison" in window.words for window in batch):
            raise RuntimeError("bad window")

    engine.swap(Loaded("one", Hooked(shared_model, poisoned)))
    long = "Alice " + "house " * 900 + "poison " + "house " * 900
    items = asyncio.run(extract(engine, [long, "Bob"])).items
    assert isinstance(items[0], Failure)
    assert len(items[1].spans) == 1


def test_a_text_that_cannot_be_prepared_fails_that_item_only(engine, shared_model):
    engine.swap(Loaded("one", shared_model))
    items = asyncio.run(extract(engine, ["Alice", "lone surrogate \ud800 Bob", "Bob"])).items
    assert isinstance(items[1], Failure)
    assert [len(item.spans) for item in (items[0], items[2])] == [1, 1]


def test_at_the_deadline_texts_that_are_done_are_answered_and_the_rest_say_so(engine, shared_model, gathering, until):
    seconds = 5.0
    batches = []

    def late_from_the_second(batch):
        batches.append(time.monotonic())
        if len(batches) == 2:
            until(lambda: time.monotonic() > batches[0] + seconds)

    engine.swap(Loaded("one", Hooked(shared_model, late_from_the_second)))
    items = asyncio.run(extract(engine, ["Alice"] * (4 * BATCH_WINDOWS_MAX), seconds)).items
    done = [item for item in items if not isinstance(item, Failure)]
    late = [item for item in items if isinstance(item, Failure)]
    assert len(items) == 4 * BATCH_WINDOWS_MAX
    assert BATCH_WINDOWS_MAX <= len(done) < len(items)
    assert all(len(item.spans) == 1 for item in done)
    assert all("not reached in time" in item.reason for item in late)


def test_an_engine_that_is_closed_answers_requests_that_wait(shared_model, until, gathering):
    begun, go_on = threading.Event(), threading.Event()

    def hold(batch):
        begun.set()
        go_on.wait(30)

    async def ask():
        engine = Engine()
        engine.swap(Loaded("v", Hooked(shared_model, hold)))
        request = asyncio.create_task(extract(engine, ["Alice met Bob"] * (BATCH_WINDOWS_MAX + 1)))
        await asyncio.to_thread(begun.wait, 30)
        closing = asyncio.create_task(asyncio.to_thread(engine.close))
        await asyncio.to_thread(until, lambda: engine._closed)
        go_on.set()
        answer = await asyncio.wait_for(request, 30)
        await closing
        return answer

    answer = asyncio.run(ask())
    assert [type(item) for item in answer.items] == [Extraction] * BATCH_WINDOWS_MAX + [Failure]


def test_a_request_after_one_that_ran_out_of_time_is_answered_whole(engine, shared_model):
    engine.swap(Loaded("one", shared_model))
    first = asyncio.run(extract(engine, ["Alice"] * 3, 0.0)).items
    assert all(isinstance(item, Failure) for item in first)
    assert all(not isinstance(item, Failure) for item in asyncio.run(extract(engine, ["Alice"] * 3)).items)


def test_a_small_request_overtakes_a_big_one(engine, shared_model):
    gate = Gate()

    engine.swap(Loaded("one", Hooked(shared_model, gate)))
    ended = []

    async def ask(name, count):
        await extract(engine, ["Alice met Bob"] * count)
        ended.append(name)

    async def both():
        big = asyncio.create_task(ask("big", 20 * BATCH_WINDOWS_MAX))
        await asyncio.to_thread(gate.begun.wait, 30)
        small = asyncio.create_task(ask("small", 2))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(big, small)

    asyncio.run(both())
    assert ended == ["small", "big"]


def test_one_question_is_in_the_next_batch_though_two_hundred_that_were_asked_together_wait(
    engine, shared_model, until
):
    gate, batches = Gate(), []

    def note(batch):
        batches.append([window.words for window in batch])
        gate(batch)

    engine.swap(Loaded("one", Hooked(shared_model, note)))

    async def both():
        together = engine.ask([Question(["Alice met Bob"] * 2, LABELS) for _ in range(200)], 0.5, 60)
        many = asyncio.create_task(together)
        await asyncio.to_thread(gate.begun.wait, 30)
        single = asyncio.create_task(extract(engine, ["Carol"]))
        await asyncio.to_thread(until, lambda: all(one.ready or one.is_over or one.running for one in engine._requests))
        await asyncio.to_thread(until, lambda: any(one.texts == ["Carol"] and one.ready for one in engine._requests))
        gate.opened.set()
        await asyncio.gather(many, single)

    asyncio.run(both())
    assert ["Carol"] in batches[1]


def test_requests_that_wait_share_every_batch(engine, shared_model, gathering):
    begun, go_on = threading.Event(), threading.Event()
    batches = []

    def note(batch):
        batches.append({window.words[0] for window in batch})
        begun.set()
        assert go_on.wait(30)

    engine.swap(Loaded("one", Hooked(shared_model, note)))

    async def all_of_them():
        first = asyncio.create_task(extract(engine, ["zero"]))
        await asyncio.to_thread(begun.wait, 30)
        others = [asyncio.create_task(extract(engine, [word] * BATCH_WINDOWS_MAX)) for word in ("one", "two", "three")]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *others)

    asyncio.run(all_of_them())
    assert batches[0] == {"zero"}
    assert batches[1] == batches[2] == {"one", "two", "three"}


def test_a_request_is_answered_whole_by_the_version_that_was_current_when_it_came(engine, shared_model, fresh_model):
    gate = Gate()

    engine.swap(Loaded("old", Hooked(shared_model, gate)))

    async def both():
        before = asyncio.create_task(extract(engine, ["Alice"] * (3 * BATCH_WINDOWS_MAX)))
        await asyncio.to_thread(gate.begun.wait, 30)
        engine.swap(Loaded("new", fresh_model))
        after = asyncio.create_task(extract(engine, ["Alice"]))
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(before, after)

    before, after = asyncio.run(both())
    assert (before.version, after.version, engine.version) == ("old", "new", "new")
    assert not any(isinstance(item, Failure) for item in before.items)


def test_requests_of_two_versions_take_turns(engine, shared_model, gathering):
    gate = Gate()

    versions = {name: Loaded(name, Hooked(shared_model, gate)) for name in ("old", "new")}
    ended = []

    async def ask(name, version, count):
        engine.swap(versions[version])
        await extract(engine, ["Alice met Bob"] * count)
        ended.append(name)

    async def all_of_them():
        asked = [asyncio.create_task(ask("first", "old", 1))]
        await asyncio.to_thread(gate.begun.wait, 30)
        for name, version, count in (("one", "old", 20), ("two", "new", 1), ("three", "old", 20), ("four", "new", 1)):
            asked.append(asyncio.create_task(ask(name, version, count * BATCH_WINDOWS_MAX if count > 1 else count)))
            await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(*asked)

    asyncio.run(all_of_them())
    assert set(ended[:3]) == {"first", "two", "four"}


def test_an_engine_that_waits_keeps_no_earlier_version_in_memory(engine, shared_model, until):
    old = Hooked(shared_model, lambda batch: None)
    gone = weakref.ref(old)
    engine.swap(Loaded("old", old))
    asyncio.run(extract(engine, ["Alice"]))
    engine.swap(Loaded("new", shared_model))
    del old
    until(lambda: gc.collect() is not None and gone() is None)


def test_without_a_model_a_request_gets_the_reason_at_once(engine):
    engine.failed("The model '/nowhere' could not be loaded.")
    with pytest.raises(Unavailable, match="/nowhere"):
        asyncio.run(extract(engine, ["Alice"]))


def test_while_the_model_is_loaded_a_request_waits_for_it_up_to_its_deadline(engine, shared_model):
    with pytest.raises(Unavailable, match="being loaded"):
        asyncio.run(extract(engine, ["Alice"], 0.1))

    async def early():
        asked = asyncio.create_task(extract(engine, ["Alice"]))
        await asyncio.sleep(0.01)
        engine.swap(Loaded("one", shared_model))
        return await asked

    answer = asyncio.run(early())
    assert (answer.version, len(answer.items[0].spans)) == ("one", 1)


def test_a_cancelled_request_is_forgotten_and_the_next_is_answered(engine, shared_model, until):
    begun, go_on = threading.Event(), threading.Event()
    batches = []

    def wait(batch):
        batches.append(len(batch))
        begun.set()
        assert go_on.wait(30)

    engine.swap(Loaded("one", Hooked(shared_model, wait)))

    async def cancelled():
        asked = asyncio.create_task(extract(engine, ["Alice"] * (50 * BATCH_WINDOWS_MAX)))
        await asyncio.to_thread(begun.wait, 30)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        go_on.set()
        return await extract(engine, ["Bob"])

    assert len(asyncio.run(cancelled()).items) == 1
    until(lambda: engine.queued == 0)
    assert len(batches) < 50


def test_a_question_without_texts_has_no_items(engine, shared_model):
    engine.swap(Loaded("one", shared_model))
    assert asyncio.run(extract(engine, [])).items == []


def test_texts_without_words_are_answered_without_the_model(engine, shared_model):
    def never(batch):
        raise AssertionError("the model was asked")

    engine.swap(Loaded("one", Hooked(shared_model, never)))
    items = asyncio.run(extract(engine, ["", "  ", "\n"])).items
    assert [item.spans for item in items] == [(), (), ()]


def test_a_deadline_is_kept_while_a_text_is_prepared(engine, shared_model):
    """The idle engine sleeps without a deadline; the request's deadline must wake it."""
    go_on = threading.Event()
    slow = Hooked(shared_model, lambda batch: None)

    def prepare(*asked):
        go_on.wait(30)
        return shared_model.prepare(*asked)

    slow.prepare = prepare
    engine.swap(Loaded("one", slow))
    try:
        answer = asyncio.run(asyncio.wait_for(engine.ask([Question(["Alice"], LABELS)], 0.5, 0.2), 20))
        assert not go_on.is_set()
        assert isinstance(answer.items[0][0], Failure)
    finally:
        go_on.set()


def test_a_text_that_the_tokenizer_panics_on_fails_alone(engine, shared_model):
    """A panic of a Rust library is a BaseException, but no Exception."""
    fragile = Hooked(shared_model, lambda batch: None)

    def prepare(text, *asked):
        if text == "panic":
            raise BaseException("PanicException")
        return shared_model.prepare(text, *asked)

    fragile.prepare = prepare
    engine.swap(Loaded("one", fragile))
    answer = asyncio.run(engine.ask([Question(["panic", "Alice"], LABELS)], 0.5, 20))
    assert [type(item) for item in answer.items[0]] == [Failure, Extraction]


def test_a_text_that_the_tokenizer_does_not_know_fails_with_the_reason(engine, shared_model):
    engine.swap(Loaded("one", shared_model))
    answer = asyncio.run(engine.ask([Question(["马云在杭州创立了阿里巴巴。", "Alice"], LABELS)], 0.5, 20))
    assert [type(item) for item in answer.items[0]] == [Failure, Extraction]
    assert "does not know most of its words (Han)" in answer.items[0][0].reason


def test_labels_that_the_tokenizer_does_not_know_are_never_answered_with_certainty(engine, shared_model):
    engine.swap(Loaded("one", shared_model))
    asked = [Question(["in the house"], labels) for labels in (["地点"], ["person", "地点"])]
    (none,), (some,) = asyncio.run(engine.ask(asked, 0.5, 20)).items
    assert none.is_unread
    assert "does not know the words of any label (地点)" in none.reason
    assert some.certainty == 0


def test_a_closed_engine_refuses_new_requests(shared_model):
    engine = Engine()
    engine.swap(Loaded("one", shared_model))
    engine.close()
    with pytest.raises(Unavailable, match="stopped"):
        asyncio.run(engine.ask([Question(["Alice"], LABELS)], 0.5, 5))
