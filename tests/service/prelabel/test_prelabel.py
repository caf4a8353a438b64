"""A pre-labelling against a fake Label Studio, with a backend that answers from memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.labelstudio.errors import LabelStudioError
from service.labelstudio.predictions import view_filters
from service.prelabel import work, writing
from service.prelabel.backend import BackendError
from service.prelabel.progress import now
from tests.support.prelabelling import COUNT, V1, V2


class Killed(BaseException):
    """The process is gone: nothing is caught."""


def test_every_task_gets_one_prediction_and_a_second_time_nothing_is_done(studio, source, make):
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.total, done.stands.written, done.stands.percent) == (COUNT, COUNT, 100)
    source.asked.clear()
    assert make().run() == "done"
    assert not source.asked
    assert len(studio.stored) == COUNT


def test_progress_is_told_write_by_write(studio, make):
    told = []
    make(report=told.append).run()
    written = [stands.written for stands in told]
    assert written == sorted(written)
    assert len(set(written)) > 2
    assert all(stands.total in (0, COUNT) for stands in told)


def test_tasks_that_got_a_prediction_meanwhile_are_not_given_a_second(studio, source, make):
    def retrieved(tasks):
        if tasks[0]["id"] == 1:  # by a person, while the first page is being predicted
            studio.store([{"task": number, "model_version": V1} for number in (1, 2, 3, 60)])

    source.before = retrieved
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert done.stands.skipped >= 3
    assert done.stands.done == COUNT


@pytest.mark.parametrize("there", [range(20, 430), range(1, COUNT, 3)], ids=["most", "few"])
def test_a_write_asks_little_of_a_project_whose_other_tasks_have_predictions(studio, source, make, monkeypatch, there):
    monkeypatch.setattr(writing, "GATHERED_SECONDS_MIN", 60.0)
    studio.store([{"task": number, "model_version": V1} for number in there])
    lacking = sorted(set(studio.texts) - set(there))

    def retrieved(tasks):
        source.before = lambda tasks: None
        studio.store([{"task": number, "model_version": V1} for number in (lacking[0], lacking[9])])

    source.before = retrieved
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.written, done.stands.skipped) == (len(lacking) - 2, 2)
    assert studio.listed < min(len(there), len(lacking)) + 10


def test_what_a_killed_process_was_sending_and_is_stored_later_is_there_once(studio, source, make):
    kept = []

    def killed(stands):
        kept.append(stands)
        if stands.in_doubt and stands.written:
            raise Killed

    with pytest.raises(Killed):
        make(report=killed).run()
    sent = [{"task": number, "model_version": V1} for number in source.asked if number not in studio.of(V1)]

    def late(tasks):  # Label Studio stores what the killed process sent when this one has written the same tasks
        if set(studio.of(V1)) >= {one["task"] for one in sent}:
            studio.store(sent)
            source.before = lambda tasks: None

    source.before = late
    resumed = make(in_doubt=kept[-1].in_doubt)
    assert resumed.run() == "done"
    assert len(sent) > 1
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert not resumed.stands.in_doubt


def test_a_write_that_a_proxy_gave_up_and_that_is_stored_at_the_very_end_is_there_once(studio, make, monkeypatch):
    studio.never_answered = True
    done = make(settle=600)
    waited = []

    def waits(seconds):  # the held request is stored while the process waits for it, long after the second write
        if seconds:
            waited.append((seconds, done.stands.written))
            studio.deliver()

    monkeypatch.setattr(done.stopping, "rest", waits)
    assert done.run() == "done"
    ((seconds, written),) = waited
    assert (300 < seconds <= 600, written) == (True, COUNT)
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.written, done.stands.skipped) == (COUNT, 0)


def test_a_process_that_is_asked_to_end_leaves_its_doubts_to_the_next(studio, source, make):
    studio.never_answered = True
    stopped = make(settle=600)
    source.before = lambda tasks: stopped.stop()
    assert stopped.run() == "stopped"
    assert stopped.stands.in_doubt[V1] > now() + timedelta(seconds=300)


def test_doubles_of_another_version_that_was_in_doubt_are_deleted_too(studio, make):
    studio.store([{"task": number, "model_version": V2} for number in (3, 4, 4, 5)])
    assert make(in_doubt={V2: now()}).run() == "done"
    assert studio.of(V2) == [3, 4, 5]


def test_doubles_that_retrieve_predictions_made_meanwhile_are_deleted_and_the_oldest_stay(studio, source, make):
    first = {}

    def retrieved(tasks):
        if tasks[0]["id"] > 200:
            first.update({one["task"]: one["id"] for one in studio.stored})
            studio.store([{"task": number, "model_version": V1} for number in (1, 2, 150)])
            source.before = lambda tasks: None

    source.before = retrieved
    kept = make()
    assert kept.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert {one["task"]: one["id"] for one in studio.stored}.items() >= first.items()


def old_predictions(studio, there):
    """Some tasks have predictions of this version and of two before, so more than a task with a double has."""
    for version in ("old.000001", "old.000002", V1):
        studio.store([{"task": number, "model_version": version} for number in there])


def test_a_double_among_what_this_process_wrote_costs_no_reading_of_the_project(studio, source, make):
    old_predictions(studio, range(1, 421))

    def retrieved(tasks):
        if tasks[0]["id"] > 425:
            studio.store([{"task": 422, "model_version": V1}])
            source.before = lambda tasks: None

    source.before = retrieved
    assert make().run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert studio.read <= 30


def test_a_double_elsewhere_is_found_among_the_tasks_with_several_predictions(studio, make):
    studio.store([{"task": number, "model_version": V1} for number in [*range(1, 421), 7]])
    assert make().run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert studio.read == 1


def test_what_is_surplus_for_another_reason_costs_no_reading_of_tasks_with_one_prediction(studio, make):
    studio.store([{"task": 9999, "model_version": V1}])  # its task has been deleted
    assert make().run() == "done"
    assert studio.read == 0


def test_a_write_without_an_answer_is_not_sent_again_where_it_was_stored(studio, make):
    studio.late = True
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert sum(studio.imported) == COUNT
    assert done.stands.written == COUNT


def test_a_write_that_failed_is_sent_again(studio, make):
    studio.refused = 502
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.written, done.stands.skipped) == (COUNT, 0)


def test_no_request_is_larger_than_a_proxy_lets_through(studio, source, make, monkeypatch):
    monkeypatch.setattr(writing, "REQUEST_BYTES", 4000)
    monkeypatch.setattr(writing, "GATHERED_SECONDS_MIN", 60.0)
    source.result = [{"value": "x" * 300}]
    assert make().run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert studio.largest <= 4000


def test_a_request_that_a_proxy_finds_too_large_is_halved(studio, source, make):
    studio.bytes_max = 3000
    source.result = [{"value": "x" * 300}]
    assert make().run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))


@pytest.mark.parametrize(("status", "refuse"), [(413, {"bytes_max": 3000}), (403, {"proxy_refuses": "xxxx"})])
def test_a_prediction_that_a_proxy_refuses_alone_is_counted_with_its_reason(studio, source, make, status, refuse):
    for name, value in refuse.items():
        setattr(studio, name, value)
    studio.texts[77] = "long"
    source.results = {"long": [{"value": "x" * 5000}]}
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == [number for number in range(1, COUNT + 1) if number != 77]
    assert done.stands.reasons == {f"its prediction was refused with {status}": 1}
    assert done.stands.done == COUNT


def test_a_task_that_was_deleted_meanwhile_costs_no_other_its_prediction(studio, source, make):
    def deleted(tasks):
        if tasks[0]["id"] == 1:
            del studio.texts[9]

    source.before = deleted
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == sorted(studio.texts)
    assert done.stands.reasons == {"its prediction was refused with 400": 1}


@pytest.mark.parametrize("passed_over", ['"x"', V1])
def test_what_an_import_leaves_out_is_stored_one_by_one(studio, source, make, passed_over):
    studio.passed_over = passed_over
    studio.texts[77] = studio.texts[300] = "other"
    source.results = {"other": ["x"]}
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.written, done.stands.failed) == (COUNT, 0)


def test_a_proxy_that_refuses_every_prediction_ends_it(studio, make):
    studio.proxy_refuses = V1
    with pytest.raises(LabelStudioError, match="refused each of"):
        make().run()


@pytest.mark.parametrize("poisonous", [1, 200, 450])
def test_a_task_that_the_backend_fails_on_is_counted_and_the_others_are_predicted(studio, source, make, poisonous):
    studio.texts[poisonous] = "poisonous"
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == [number for number in range(1, COUNT + 1) if number != poisonous]
    assert done.stands.reasons == {"the backend gave no prediction (500)": 1}


def test_what_was_predicted_is_written_when_the_backend_goes_away(studio, source, make, monkeypatch):
    monkeypatch.setattr(writing, "GATHERED_SECONDS_MIN", 60.0)

    def away(tasks):
        if tasks[0]["id"] > 100:
            raise BackendError("The backend does not answer.")

    source.before = away
    with pytest.raises(BackendError):
        make().run()
    assert studio.of(V1) == list(range(1, 101))


def test_a_write_that_is_refused_ends_it_and_says_so(studio, make):
    studio.refused = 403
    with pytest.raises(LabelStudioError, match="API key"):
        make().run()


def test_a_task_that_cannot_be_predicted_is_counted_with_its_reason(studio, make):
    studio.texts[7] = studio.texts[300] = "unreadable"
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == [number for number in range(1, COUNT + 1) if number not in (7, 300)]
    assert done.stands.reasons == {"the text has half a character in it": 2}
    assert "2 × the text has half a character" in done.stands.message


def test_a_task_that_cannot_be_read_is_counted_once_with_its_reason(studio, source, make):
    for number in range(1, 201):
        studio.texts[number] = "blank"
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.done, done.stands.written, done.stands.failed) == (COUNT, COUNT, 0)
    assert done.stands.reasons == done.stands.unread == {"no text under $text": 200}
    assert f"{COUNT} predictions" in done.stands.message
    assert "200 × no text under $text" in done.stands.message


def test_it_ends_after_a_batch_when_it_is_asked_to(studio, source, make, monkeypatch):
    monkeypatch.setattr(writing, "GATHERED_SECONDS_MIN", 60.0)
    stopped = make()
    source.before = lambda tasks: stopped.stop()
    assert stopped.run() == "stopped"
    assert studio.of(V1) == list(range(1, 17))
    assert make().run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))


def test_shards_do_each_task_once(studio, make):
    studio.texts = dict.fromkeys([*range(1, 40), *range(990, 1010), *range(5000, 5050), 70123], "text")
    for shard in range(3):
        before = set(studio.of(V1))
        assert make(shard=shard, shards=3).run() == "done"
        assert {number // work.SHARD_TASKS % 3 for number in set(studio.of(V1)) - before} <= {shard}
    assert studio.of(V1) == sorted(studio.texts)


def test_a_view_chooses_the_tasks(studio, connection, make):
    condition = {"filter": "filter:tasks:data.text", "operator": "contains", "type": "String", "value": "text 4"}
    studio.views[5] = {"id": 5, "project": 1, "data": {"filters": {"conjunction": "and", "items": [condition]}}}
    make(filters=view_filters(connection, studio.url, 1, 5)).run()
    assert studio.of(V1) == [number for number in range(1, COUNT + 1) if str(number).startswith("4")]


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (None, "no view 5"),
        ({"project": 2, "data": {}}, "belongs to project 2"),
        ({"project": 1, "data": {"filters": {"conjunction": "or", "items": [{}, {}]}}}, "by OR"),
    ],
)
def test_a_view_that_cannot_be_used_is_refused(studio, connection, view, says):
    if view:
        studio.views[5] = view
    with pytest.raises(LabelStudioError, match=says):
        view_filters(connection, studio.url, 1, 5)
