"""A backend and an extractor that talk over a real socket."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from service.backend.remote import RemoteExtractor
from service.errors import Cause
from service.extractor.app import build
from service.extractor.questions import Failure, Question, Unavailable
from service.extractor.settings import ExtractorSettings
from service.model.model import Model
from tests.support.samples import Scrape, counted
from tests.support.tiny_engine import Gate

LABELS = ("city", "company", "person")
TEXTS = ["Alice works at Acme in New York.", "", "😀 then Bob met Alice"]


@pytest.fixture
def extractor(pods, settings):
    pod = pods(build(settings(ExtractorSettings)))
    pod.start()
    return pod


def remote(url, wake=lambda: None, ended=lambda answered: None):
    return RemoteExtractor(url, lambda: "v", lambda: None, wake, ended)


def ask(extractor, texts=TEXTS, seconds=60.0, threshold=0.5):
    return asyncio.run(extractor.ask([Question(texts, LABELS)], threshold, seconds))


def test_a_remote_extractor_answers_as_the_model_alone(extractor, shared_model):
    answer = ask(remote(extractor.url))
    assert answer.version.startswith("tiny-")
    assert answer.items == [shared_model.extract(TEXTS, LABELS, 0.5)]


def test_several_questions_are_answered_in_order(extractor):
    questions = [Question(["Alice"], ["person"]), Question([], ["city"]), Question(["New York", "Bob"], ["city"])]
    answer = asyncio.run(remote(extractor.url).ask(questions, 0.5, 60))
    assert [len(items) for items in answer.items] == [1, 0, 2]


def test_a_question_that_is_withdrawn_is_withdrawn_from_the_extractor(extractor, monkeypatch, until):
    engine = extractor.app.state.engine
    model, gate, ran = until(lambda: engine._current).model, Gate(), []
    run = model.run

    def gated(batch):
        gate(batch)
        ran.extend(batch)
        return run(batch)

    async def ask_and_leave():
        texts = ["Alice met Bob"] * 500
        asking = asyncio.ensure_future(remote(extractor.url).ask([Question(texts, LABELS)], 0.5, 60))
        assert await asyncio.to_thread(gate.begun.wait, 30)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    monkeypatch.setattr(model, "run", gated)
    before = counted("spanloop_requests_total", route="/extract", status="499")
    asyncio.run(ask_and_leave())
    until(lambda: counted("spanloop_requests_total", route="/extract", status="499") > before)
    gate.opened.set()
    until(lambda: engine.queued == 0, what="an engine without work")
    assert 0 < len(ran) < 500


def test_a_way_of_decoding_reaches_the_extractor_and_the_answer_says_the_versions_own(extractor, shared_model):
    labels = ("person", "person today")
    forced = asyncio.run(remote(extractor.url).ask([Question(["Alice"], labels, overlap="multi")], 0.5, 60))
    assert sorted(span.label for span in forced.items[0][0].spans) == sorted(labels)
    default = asyncio.run(remote(extractor.url).ask([Question(["Alice"], labels)], 0.5, 60))
    assert (len(default.items[0][0].spans), default.overlap) == (1, "flat")


def test_a_request_waits_for_a_pod_that_starts_and_wakes_it(pods, settings):
    pod = pods(build(settings(ExtractorSettings)))
    tries = []

    def wake():
        tries.append(1)
        if len(tries) == 2:
            pod.start()

    assert ask(remote(pod.url, wake)).items[0][0].spans
    assert len(tries) >= 2


def test_a_pod_that_answers_is_told_from_a_deadline_that_passes(pods, extractor):
    answers = []
    ask(remote(extractor.url, ended=answers.append))
    gone = pods(Starlette(routes=[]))
    with pytest.raises(Unavailable) as told:
        ask(remote(gone.url, ended=answers.append), seconds=0.3)
    assert answers == [True, False]
    assert told.value.cause == Cause.EXTRACTOR_UNREACHABLE


def test_past_its_deadline_a_request_is_told_why(pods, settings):
    pod = pods(Starlette(routes=[]))
    pod.start()
    pod.stop()
    with pytest.raises(Unavailable, match="does not answer"):
        ask(remote(pod.url), seconds=0.6)


def test_a_pod_whose_model_fails_is_waited_for_and_its_reason_is_told(pods, settings, tmp_path, grown):
    pod = pods(build(settings(ExtractorSettings, model=str(tmp_path))))
    pod.start()
    with pytest.raises(Unavailable, match="could not be loaded"):
        ask(remote(pod.url), seconds=3)
    assert grown("spanloop_errors_total", cause="model_load") == 1
    assert grown("spanloop_errors_total", cause="no_model") >= 1


def test_what_the_extractor_refuses_is_told_at_once(extractor):
    with pytest.raises(Unavailable, match="expected shape") as told:
        ask(remote(extractor.url), threshold="x", seconds=600)
    assert told.value.cause == Cause.EXTRACTOR_ANSWER


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e11", "soon", ""])
def test_a_time_that_nobody_waits_is_refused_and_the_next_is_answered(extractor, shared_model, seconds):
    body = {"questions": [[["Alice"], ["person"]]], "threshold": 0.5}
    refused = httpx.post(f"{extractor.url}/extract", params={"seconds": seconds}, json=body)
    assert refused.status_code == 400
    assert "`seconds` in the query" in refused.json()["error"]
    assert ask(remote(extractor.url)).items == [shared_model.extract(TEXTS, LABELS, 0.5)]


def test_an_answer_that_is_none_is_an_error_at_once(pods):
    async def hello(request):
        return PlainTextResponse("hello")

    pod = pods(Starlette(routes=[Route("/extract", hello, methods=["POST"])]))
    pod.start()
    with pytest.raises(Unavailable, match="cannot be read") as told:
        ask(remote(pod.url), seconds=600)
    assert told.value.cause == Cause.EXTRACTOR_ANSWER


def test_a_broken_connection_is_asked_again(pods, extractor):
    """As when a pod is killed while it works: its place is taken by another."""
    calls = []

    async def flaky(request):
        calls.append(1)
        if len(calls) < 3:
            return JSONResponse({"error": "going away"}, 503)
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{extractor.url}/extract", params=request.query_params, content=await request.body()
            )
        return JSONResponse(answer.json())

    pod = pods(Starlette(routes=[Route("/extract", flaky, methods=["POST"])]))
    pod.start()
    assert ask(remote(pod.url)).items[0][0].spans
    assert len(calls) == 3


def test_texts_not_reached_in_time_are_failures_and_the_rest_is_there(extractor, monkeypatch):
    monkeypatch.setattr("service.extractor.engine.BATCH_WINDOWS_MAX", 1)
    monkeypatch.setattr("service.model.model.Model.run", slowed(Model.run))
    answer = ask(remote(extractor.url), texts=["Alice"] * 50, seconds=2)
    kinds = {type(item) for item in answer.items[0]}
    assert Failure in kinds
    assert len(answer.items[0]) == 50


def slowed(run):
    def slow(self, batch):
        time.sleep(0.2)
        return run(self, batch)

    return slow


def test_ready_says_the_version_and_until_then_why_not(pods, settings, tmp_path, until):
    good, bad = pods(build(settings(ExtractorSettings))), pods(build(settings(ExtractorSettings, model=str(tmp_path))))
    good.start()
    bad.start()
    until(lambda: httpx.get(f"{good.url}/ready").status_code == 200)
    assert httpx.get(f"{good.url}/ready").json()["version"].startswith("tiny-")
    until(lambda: "could not be loaded" in httpx.get(f"{bad.url}/ready").json()["error"])
    assert httpx.get(f"{bad.url}/ready").status_code == 503


def test_an_extractor_tells_prometheus_which_version_it_is_once_it_has_a_model(pods, settings, tmp_path, until):
    good, bad = pods(build(settings(ExtractorSettings))), pods(build(settings(ExtractorSettings, model=str(tmp_path))))
    good.start()
    bad.start()
    until(lambda: httpx.get(f"{good.url}/ready").status_code == 200)
    until(lambda: "could not be loaded" in httpx.get(f"{bad.url}/ready").json()["error"])
    found, none = (Scrape(httpx.get(f"{pod.url}/metrics").text) for pod in (good, bad))
    ((version,),) = found.of("spanloop_live_version_info")
    assert version.startswith("tiny-")
    assert none.types["spanloop_live_version_info"] == "gauge"
    assert none.of("spanloop_live_version_info") == {}
