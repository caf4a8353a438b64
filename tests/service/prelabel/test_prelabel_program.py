"""The program: what it takes over from processes before it, and what it leaves to those after it."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest

from service.prelabel.program import Program
from service.prelabel.progress import Busy, Prelabelling, Prelabellings, now
from service.prelabel.settings import PrelabelSettings
from tests.support import fake_backend
from tests.support.fake_backend import VERSION
from tests.support.predicted import PredictedStudio
from tests.support.studio import KEY, served

OLD = "base.000000"
COUNT = 30


@pytest.fixture
def studio():
    with served(PredictedStudio(texts={number: f"text {number}" for number in range(1, COUNT + 1)})) as state:
        yield state


@pytest.fixture
def backend():
    with fake_backend.serving() as state:
        yield state


@pytest.fixture
def kept(tmp_path):
    return Prelabellings(tmp_path)


@pytest.fixture
def make(studio, backend, tmp_path):
    """A program, of all tasks unless told otherwise. The signal's handler that it sets is taken back at the end."""
    before = signal.getsignal(signal.SIGTERM)

    def made(shard=0, shards=1, backend_url=""):
        settings = PrelabelSettings(
            home=tmp_path,
            backend_url=backend_url or backend.url,
            label_studio_url=studio.url,
            label_studio_api_key=KEY,
            prelabel_settle=600,
        )
        return Program(settings, 1, None, shard, shards)

    yield made
    signal.signal(signal.SIGTERM, before)


def ended_when_done(program, kept):
    """The exit status of a program that is asked to end once all tasks are predicted."""

    def ask():
        while not done.wait(0.02):
            last = kept.last(1, 0, 1)
            if last and last.written == COUNT:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    done = threading.Event()
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        return program.run()
    finally:
        done.set()
        asking.join()


def test_a_process_without_doubts_ends_at_once(studio, make, kept):
    assert make().run() == 0
    assert studio.of(VERSION) == sorted(studio.texts)
    assert kept.last(1, 0, 1).outcome == "done"


def test_doubts_are_read_when_the_tasks_are_held(studio, make, kept):
    program = make()
    kept.save(Prelabelling(project=1, in_doubt={OLD: now()}))
    studio.store([{"task": task, "model_version": OLD} for task in (5, 5, 6)])
    assert program.run() == 0
    assert studio.of(OLD) == [5, 6]


def test_doubts_of_processes_with_other_shards_are_settled(studio, make, kept):
    other = Prelabelling(project=1, shard=2, shards=4, in_doubt={VERSION: now()})
    kept.save(other)
    kept.save(Prelabelling(project=2, in_doubt={VERSION: now()}))
    studio.store([{"task": task, "model_version": VERSION} for task in (5, 5, 6)])
    assert make().run() == 0
    assert studio.of(VERSION) == sorted(studio.texts)
    assert not kept.last(1, 2, 4).in_doubt
    assert kept.last(2, 0, 1).in_doubt


def test_doubts_of_a_process_that_is_at_work_are_its_own(make, kept):
    other = Prelabelling(project=1, shard=1, shards=2, in_doubt={VERSION: now() + timedelta(seconds=600)})
    kept.save(other)
    assert kept.hold(other)
    assert make(0, 2).run() == 0
    assert kept.last(1, 1, 2).in_doubt


def test_doubts_that_are_not_settled_yet_are_left_to_the_next(make, kept):
    until = now() + timedelta(seconds=600)
    kept.save(Prelabelling(project=1, in_doubt={OLD: until}))
    assert ended_when_done(make(), kept) == 143
    last = kept.last(1, 0, 1)
    assert (last.outcome, last.in_doubt) == ("stopped", {OLD: until})


def test_a_pod_of_a_job_may_replace_one_that_was_writing(make, kept, monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert ended_when_done(make(), kept) == 143
    assert kept.last(1, 0, 1).in_doubt[VERSION] > now() + timedelta(seconds=300)


def test_a_failure_keeps_the_doubts(studio, make, kept):
    kept.save(Prelabelling(project=1, in_doubt={OLD: now()}))
    studio.broken = 403
    assert make().run() == 1
    last = kept.last(1, 0, 1)
    assert (last.outcome, list(last.in_doubt)) == ("failed", [OLD])


@pytest.mark.parametrize("login", ["alice:s3cret", "alice:p@s3cret", "alice:%20s3cret"])
def test_a_login_in_the_backends_address_is_sent_and_never_shown(
    backend, make, kept, monkeypatch, capfd, caplog, login
):
    told = []
    program = make(backend_url=backend.url.replace("//", f"//{login}@"))
    monkeypatch.setattr(program, "_report", told.append)
    backend.status = lambda texts: 400
    with caplog.at_level("DEBUG"):
        assert program.run() == 1
    output = capfd.readouterr()
    shown = f"{told}{output}{caplog.text}"
    assert backend.url in program.stands.message
    assert "s3cret" not in shown
    assert "alice" not in shown
    name, _, password = login.partition(":")
    assert backend.authorizations == {httpx.BasicAuth(name, unquote(password))._auth_header}


def test_an_address_of_the_backend_that_is_none_is_said_without_its_login(make, capfd):
    program = make(backend_url="http://alice:s3/cret@host")
    assert program.run() == 1
    assert "SPANLOOP_BACKEND_URL" in program.stands.message
    assert "s3" not in f"{program.stands.message}{capfd.readouterr()}"


@pytest.mark.parametrize("other", [f"my-{VERSION}", f"{VERSION}.1", VERSION.upper()])
def test_another_version_whose_name_contains_this_one_is_said_and_nothing_is_done(studio, make, other):
    studio.store([{"task": task, "model_version": other} for task in (1, 2)])
    program = make()
    assert program.run() == 1
    assert f"predictions of {other}" in program.stands.message
    assert "Settings, Predictions" in program.stands.message
    assert not studio.of(VERSION)
    studio.stored.clear()
    assert make(0, 2).run() == 0
    assert studio.of(VERSION) == sorted(studio.texts)


def test_the_end_is_said_as_it_is_whatever_stands_in_brackets(backend, make, capfd):
    backend.error = lambda texts, text: {"text 3": "no text under $m[i].t", "text 5": "[/x]"}.get(text, "")
    assert make().run() == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "1 × no text under $m[i].t" in said
    assert "1 × [/x]" in said


def test_one_process_at_a_time_does_the_same_tasks(kept):
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
