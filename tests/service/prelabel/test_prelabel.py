"""A pre-labelling against a fake Label Studio, with a backend that answers from memory."""

from __future__ import annotations

import pytest

from service.labelstudio import pages
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.predictions import Predictions, view_filters
from service.prelabel import work
from service.prelabel.progress import Busy, Prelabelling, Prelabellings
from service.prelabel.work import Work
from tests.support.predicted import PredictedStudio
from tests.support.studio import KEY, LABEL_CONFIG, served

V1, V2 = "base.111111", "base.222222"
COUNT = 450


class Killed(BaseException):
    """The process is gone: nothing is caught."""


class Source:
    """A backend. It answers with `version`, and with an error for a text that says so."""

    def __init__(self):
        self.version_now = V1
        self.asked = []
        self.before = lambda tasks: None

    def version(self, project, label_config):
        return self.version_now

    def predict(self, project, label_config, tasks):
        self.before(tasks)
        self.asked += [task["id"] for task in tasks]
        return [self._item(task["data"]["text"]) for task in tasks]

    def _item(self, text):
        if "unreadable" in text:
            return {"error": "the text has half a character in it", "model_version": self.version_now}
        return {"result": [], "score": 0.5, "model_version": self.version_now}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(work, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(work, "UNKNOWN_SECONDS", 0.0)
    monkeypatch.setattr(pages, "RETRY_SECONDS", (0.0,))


@pytest.fixture
def studio():
    with served(PredictedStudio(texts={number: f"text {number}" for number in range(1, COUNT + 1)})) as state:
        yield state


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def connection(studio, settings):
    with LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=KEY)).connect() as made:
        yield made


@pytest.fixture
def make(studio, source, connection):
    """A new process of a pre-labelling; `stands` is what it keeps in its file."""

    def made(filters=(), report=lambda stands: None, **facts):
        stands = Prelabelling(project=1, version=source.version_now, **facts)
        predictions = Predictions(connection, studio.url, 1, stands.version)
        return Work(stands, LABEL_CONFIG, filters, source, predictions, report)

    return made


def test_every_task_gets_one_prediction_and_a_second_time_nothing_is_done(studio, source, make):
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert (done.stands.total, done.stands.written, done.stands.percent) == (COUNT, COUNT, 100)
    source.asked.clear()
    assert make().run() == "done"
    assert not source.asked
    assert len(studio.stored) == COUNT


def test_progress_is_told_page_by_page(studio, make):
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


@pytest.mark.parametrize("stored", [True, False], ids=["stored late", "never stored"])
def test_a_page_that_was_being_sent_by_a_killed_process_is_stored_once(studio, source, make, stored):
    kept = []

    def killed(stands):
        kept.append(stands)
        if stands.writing and stands.written:
            raise Killed

    with pytest.raises(Killed):
        make(report=killed).run()
    before = kept[-1]
    first, last = before.writing
    sent = [{"task": number, "model_version": V1} for number in range(first, last + 1)]

    def late(tasks):  # Label Studio stores what the killed process sent when this one has written the page as well
        if stored and tasks[0]["id"] > last and set(studio.of(V1)) >= set(range(first, last + 1)):
            studio.store(sent)
            source.before = lambda tasks: None

    source.before = late
    resumed = make(in_doubt=(before.writing,))
    assert resumed.run() == "done"
    assert studio.of(V1) == list(range(1, COUNT + 1))
    assert not resumed.stands.in_doubt
    assert resumed.stands.writing is None


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
    assert done.stands.written == COUNT


def test_a_write_that_is_refused_ends_it_and_says_so(studio, make):
    studio.refused = 403
    with pytest.raises(LabelStudioError, match="API key"):
        make().run()


def test_another_version_ends_it_after_what_was_made_is_written(studio, source, make):
    def rolled_out(tasks):
        if len(source.asked) >= 200:
            source.version_now = V2

    source.before = rolled_out
    done = make()
    assert done.run() == "version changed"
    assert V2 in done.stands.message
    assert not studio.of(V2)
    count = len(studio.of(V1))
    assert count == done.stands.written >= 200
    assert studio.of(V1) == list(range(1, count + 1))
    assert make().run() == "done"
    assert studio.of(V2) == list(range(1, COUNT + 1))


def test_a_task_that_cannot_be_predicted_is_counted_with_its_reason(studio, make):
    studio.texts[7] = studio.texts[300] = "unreadable"
    done = make()
    assert done.run() == "done"
    assert studio.of(V1) == [number for number in range(1, COUNT + 1) if number not in (7, 300)]
    assert done.stands.reasons == {"the text has half a character in it": 2}
    assert "2 × the text has half a character" in done.stands.message


def test_it_ends_after_a_page_when_it_is_asked_to(studio, source, make):
    stopped = make()
    source.before = lambda tasks: stopped.stop()
    assert stopped.run() == "stopped"
    assert studio.of(V1) == list(range(1, 101))
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


def test_one_process_at_a_time_does_the_same_tasks(tmp_path):
    kept = Prelabellings(tmp_path)
    stands = Prelabelling(project=1)
    kept.save(stands)
    assert not kept.is_alive(stands)
    handle = kept.hold(stands)
    assert handle
    assert kept.is_alive(stands)
    with pytest.raises(Busy, match="already"):
        kept.hold(stands)
    kept.hold(Prelabelling(project=2))
    kept.hold(Prelabelling(project=1, shard=1, shards=2))
