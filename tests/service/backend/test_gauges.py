"""How a backend stands, as Prometheus reads it from the running application."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from service.runs.run import Run
from service.versions.history import INITIAL, LiveFile
from service.versions.lineage import Score
from service.versions.store import BentoStore
from tests.support.asking import scrape
from tests.support.studio import LABEL_CONFIG

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
SINCE = "spanloop_run_active_since_timestamp_seconds"
PROGRESSED = "spanloop_run_progressed_timestamp_seconds"
SUCCESS = "spanloop_run_last_success_timestamp_seconds"
FAILURE = "spanloop_run_failed_timestamp_seconds"


def run(number, **facts):
    started = BEGAN + timedelta(hours=number)
    return Run(**{"id": f"run-{number}", "projects": (1,), "started": started, "updated": started, **facts})


def score(f1):
    return Score(precision=0.5, recall=0.5, f1=f1, per_label={}, support={})


@pytest.fixture
def runs(client):
    return client.app.state.supervisor.runs


@pytest.fixture
def active(runs):
    """Make a run the active one, until the test ends."""
    held = []

    def make(one):
        held.append(runs.acquire(one.id))
        runs.save(one)
        return one

    yield make
    for handle in held:
        os.close(handle)


def test_runs_are_told_by_phase_while_they_live_and_by_outcome_when_they_have_ended(client, runs, active):
    for number, outcome in enumerate(["failed", "failed", "held", "nothing new"]):
        runs.save(run(number, outcome=outcome, phase="tune"))
    active(run(9, phase="judge"))
    found = scrape(client)
    told = {place: value for place, value in found.of("spanloop_runs").items() if value}
    assert told == {("failed", ""): 2, ("held", ""): 1, ("nothing new", ""): 1, ("", "judge"): 1}
    assert found("spanloop_runs", outcome="promoted", phase="") == 0


def test_the_last_success_is_the_end_of_the_newest_run_that_did_not_fail(client, runs):
    assert scrape(client).of(SUCCESS) == {}
    ended = BEGAN + timedelta(hours=2, minutes=40)
    runs.save(run(1, outcome="promoted"))
    runs.save(run(2, outcome="held", updated=ended))
    runs.save(run(3, outcome="failed"))
    assert scrape(client)(SUCCESS) == ended.timestamp()


def test_each_run_that_failed_is_told_with_its_end(client, runs):
    runs.save(run(1, outcome="promoted"))
    assert scrape(client).of(FAILURE) == {}
    ended = BEGAN + timedelta(hours=3, minutes=20)
    runs.save(run(2, outcome="failed", updated=ended))
    runs.save(run(3, outcome="failed", updated=BEGAN))
    runs.save(run(4, outcome="held"))
    assert scrape(client).of(FAILURE) == {("run-2",): ended.timestamp(), ("run-3",): BEGAN.timestamp()}


def test_the_active_run_is_told_with_its_begin_and_none_after_it_has_ended(client, runs, active):
    assert scrape(client).of(SINCE) == scrape(client).of(PROGRESSED) == {}
    one = active(run(1, phase="export"))
    assert scrape(client)(SINCE) == BEGAN.timestamp() + 3600
    runs.save(one.model_copy(update={"outcome": "held"}))
    found = scrape(client)
    assert found.of(SINCE) == found.of(PROGRESSED) == {}


def test_a_run_progresses_when_its_phase_or_percent_changes_and_by_nothing_else(client, runs, active):
    def at(minutes, **facts):
        runs.save(one.model_copy(update={**facts, "updated": BEGAN + timedelta(minutes=minutes)}))
        return (scrape(client)(PROGRESSED) - BEGAN.timestamp()) / 60

    one = active(run(1, phase="tune", percent=20))
    assert at(5, percent=20) == 5
    assert at(6, percent=20, detail="loading") == 5
    assert at(7, percent=21) == 7
    assert at(8, percent=21, detail="still there") == 7
    assert at(9, percent=21, phase="judge") == 9


def test_a_version_that_answers_takes_the_place_of_the_one_before(client, publish, until):
    supervisor = client.app.state.supervisor
    ((first,),) = scrape(client).of("spanloop_live_version_info")
    assert first == supervisor.extractor.version
    publish(supervisor.store, "v1")
    LiveFile(supervisor.settings.folder).swap(INITIAL, "v1", "better")
    until(lambda: supervisor.extractor.version == "v1")
    assert scrape(client).of("spanloop_live_version_info") == {("v1",): 1}


def test_versions_of_kept_runs_and_the_live_one_have_their_scores_and_no_others(client, runs, publish, until):
    supervisor = client.app.state.supervisor
    store = BentoStore(supervisor.settings.folder)
    for version in ("v1", "v2"):
        publish(store, version)
    LiveFile(supervisor.settings.folder).swap(INITIAL, "v1", "better")
    until(lambda: supervisor.extractor.version == "v1" and len(supervisor.published) == 2)
    runs.save(run(1, outcome="promoted", version="v1", scores={"new": score(0.5), "base": score(0.1)}))
    runs.save(run(2, outcome="promoted", version="v1", scores={"new": score(0.6)}))
    runs.save(run(3, outcome="held", version="v3", scores={"new": score(0.4)}))
    runs.save(run(4, outcome="nothing new", version="v2"))
    assert scrape(client).of("spanloop_version_f1") == {("held_out", "v1"): 0.6, ("held_out", "v3"): 0.4}
    for path in runs.folder.glob("*.json"):
        path.unlink()
    assert scrape(client).of("spanloop_version_f1") == {("held_out", "v1"): 0.75}, "as it was published"


def test_a_version_has_its_score_against_its_base_model_and_its_score_says_what_it_is_on(client, runs):
    own = score(0.5).model_copy(update={"on": "out_of_fold"})
    guard = score(0.9).model_copy(update={"on": "guard"})
    runs.save(run(1, outcome="held", version="v1", scores={"new": own, "base": score(0.1), "guard": guard}))
    assert scrape(client).of("spanloop_version_f1") == {("out_of_fold", "v1"): 0.5, ("guard", "v1"): 0.9}


def test_a_prediction_is_in_flight_and_in_demand_until_it_is_answered(client, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    model = client.app.state.supervisor.extractor._current.model
    real = model.run

    def hold(batch):
        begun.set()
        assert go_on.wait(30)
        return real(batch)

    monkeypatch.setattr(model, "run", hold)
    body = {"tasks": [{"data": {"text": text}} for text in ("Alice", "Bob")], "label_config": LABEL_CONFIG}
    asking = threading.Thread(target=client.post, args=("/predict",), kwargs={"json": body})
    asking.start()
    try:
        assert begun.wait(30)
        during = scrape(client)
    finally:
        go_on.set()
        asking.join()
    after = scrape(client)
    names = ("spanloop_extractor_demand", "spanloop_texts_queued")
    assert [during(name) for name in names] == [2, 2]
    assert [after(name) for name in names] == [0, 0]
    assert during("spanloop_requests_in_flight", route="/predict") == 1
    assert after("spanloop_requests_in_flight", route="/predict") == 0
