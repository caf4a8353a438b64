from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.runs.files import RUNS_KEPT, Runs
from service.runs.run import Run, id_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (-5, "less than a minute left"),
        (29, "less than a minute left"),
        (200, "about 3 min left"),
        (3590, "about 1 h 0 min left"),
        (9000, "about 2 h 30 min left"),
    ],
)
def test_the_time_that_a_run_still_takes_is_told_in_words_once_it_is_known(seconds, told):
    assert Run(id="run-1", projects=(1,), seconds_left=seconds).time_left == told


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def holder(home: Path, run_id: str) -> subprocess.Popen[str]:
    """A process that holds a run's lock until its input ends."""
    code = (
        "import sys; from pathlib import Path; from service.runs.files import Runs\n"
        "print(Runs(Path(sys.argv[1])).acquire(sys.argv[2]), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(home), run_id],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.first = process.stdout.readline().strip()
    return process


def test_the_same_annotations_and_base_give_the_same_run_and_others_another():
    assert id_of("base", "1:5:7:now", "") == id_of("base", "1:5:7:now", "")
    others = [("base", "1:5:8:now", ""), ("other", "1:5:7:now", ""), ("base", "1:5:7:now", "steps 7")]
    assert len({id_of(*other) for other in [*others, ("base", "1:5:7:now", "")]}) == 4
    assert id_of("base", "x", "").startswith("run-")


def test_a_run_comes_back_as_it_was_saved(runs):
    run = Run(id="run-1", projects=(1, 2), why="☃", phase="tune", percent=40.5)
    runs.save(run)
    assert runs.get("run-1") == run
    assert runs.get("run-2") is None


def test_runs_are_listed_newest_first_and_a_damaged_file_hides_no_other(runs):
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(3):
        runs.save(Run(id=f"run-{n}", projects=(1,), started=long_ago + timedelta(days=n)))
    (runs.folder / "run-damaged.json").write_text('{"id": "run-dam')
    (runs.folder / "run-foreign.json").write_bytes(b"\xff\xfe")
    assert [run.id for run in runs.all()] == ["run-2", "run-1", "run-0"]


@pytest.mark.parametrize(
    ("outcome", "ended", "succeeded"),
    [
        (None, False, False),
        ("promoted", True, True),
        ("held", True, True),
        ("nothing new", True, True),
        ("failed", True, False),
    ],
)
def test_a_run_has_ended_with_any_outcome_and_succeeded_with_all_but_failed(outcome, ended, succeeded):
    run = Run(id="run-1", projects=(1,), outcome=outcome)
    assert (run.ended, run.succeeded) == (ended, succeeded)


@pytest.mark.parametrize(("detail", "rollout"), [("", "wanted"), ("rolling out", "begun")])
def test_a_run_that_an_earlier_release_called_published_is_in_rollout(runs, detail, rollout):
    old = """{"id": "run-1", "projects": [1], "attempt": 1, "phase": "done", "percent": 100.0, "detail": "%s",
    "started": "2026-11-29T19:14:47Z", "updated": "2026-11-29T19:15:03Z", "outcome": "published",
    "message": "Version v1 is better and is to be rolled out.", "version": "v1"}"""
    (runs.folder / "run-1.json").write_text(old % detail)
    for run in (runs.get("run-1"), *runs.all()):
        assert (run.phase, run.outcome, run.rollout, run.version) == ("rollout", None, rollout, "v1")
        assert (run.ended, run.succeeded, run.in_rollout) == (False, False, True)
    runs.save(run)
    assert runs.get("run-1") == run


def test_a_run_that_remembers_a_click_is_kept_beyond_the_newest(runs):
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(RUNS_KEPT + 3):
        started = long_ago + timedelta(days=number)
        runs.save(Run(id=f"run-{number}", projects=(1,), started=started, outcome="failed"))
    runs.ask_again("run-1")
    runs.prune()
    assert [run.id for run in runs.all()][RUNS_KEPT:] == ["run-1"]
    assert [*runs.asked_again()] == ["run-1"]


def test_no_run_is_active_until_one_takes_the_lock_and_when_it_lets_go(runs):
    assert runs.active() is None
    lock = runs.acquire("run-1")
    assert lock is not None
    assert runs.active() == "run-1"
    assert runs.acquire("run-2") is None
    assert runs.active() == "run-1"
    os.close(lock)
    assert runs.active() is None
    again = runs.acquire("r")
    assert runs.active() == "r"
    os.close(again)


def test_a_lock_that_cannot_be_written_is_free_again(runs, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda *given: (_ for _ in ()).throw(full))
        with pytest.raises(OSError, match="No space left"):
            runs.acquire("run-1")
    assert runs.active() is None
    handle = runs.acquire("run-2")
    assert runs.active() == "run-2"
    os.close(handle)


def test_another_process_holds_the_lock_as_long_as_it_lives(runs, tmp_path):
    process = holder(tmp_path, "run-1")
    assert process.first.isdigit()
    assert runs.active() == "run-1"
    assert runs.acquire("run-2") is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert runs.active() is None
    lock = runs.acquire("run-2")
    assert lock is not None
    os.close(lock)


def test_of_many_processes_that_want_the_lock_at_once_one_gets_it(tmp_path):
    Runs(tmp_path)
    processes = [holder(tmp_path, f"run-{n}") for n in range(4)]
    assert sum(process.first.isdigit() for process in processes) == 1
    for process in processes:
        process.communicate()


def test_a_lock_lives_on_in_a_child_that_inherited_it(runs, tmp_path):
    lock = runs.acquire("run-1")
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock])
    os.close(lock)
    assert runs.active() == "run-1"
    child.communicate()
    assert runs.active() is None


def test_looking_at_which_run_is_active_never_keeps_a_run_from_starting(runs):
    """The page asks at any moment; a click at that moment must find the lock free."""
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            runs.active()

    onlookers = [threading.Thread(target=look) for _ in range(3)]
    for onlooker in onlookers:
        onlooker.start()
    refused = 0
    for n in range(300):
        lock = runs.acquire(f"run-{n}")
        if lock is None:
            refused += 1
        else:
            os.close(lock)
    ended.set()
    for onlooker in onlookers:
        onlooker.join()
    assert refused == 0


def test_an_active_run_is_never_seen_without_its_id(runs):
    """Never the id of the run before it, and never an empty one."""
    ended = threading.Event()
    seen: set[str | None] = set()

    def look() -> None:
        while not ended.is_set():
            seen.add(runs.active())

    first = runs.acquire("the-run-before")
    os.close(first)
    onlooker = threading.Thread(target=look)
    onlooker.start()
    for _ in range(300):
        lock = runs.acquire("run-1")
        if lock is not None:
            os.close(lock)
    ended.set()
    onlooker.join()
    assert seen <= {None, "run-1"}


def test_a_request_that_comes_while_an_older_one_is_answered_is_kept(runs):
    runs.ask_again("run-1")
    answered = runs.asked_again()
    runs.ask_again("run-1")
    runs.answered(answered)
    assert [*runs.asked_again()] == ["run-1"]
    runs.answered(runs.asked_again())
    assert runs.asked_again() == {}


@pytest.fixture
def read_only(tmp_path):
    """Make a directory one in which nobody may write, not even root."""
    if os.geteuid() != 0:
        pytest.skip("it mounts the directory anew, which needs root")
    mounted = []

    def forbid(folder):
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)

    yield forbid
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("was_active", [False, True])
def test_where_nobody_may_write_runs_are_read_and_none_is_active_or_starts(runs, tmp_path, read_only, was_active):
    runs.save(Run(id="run-1", projects=(1,)))
    if was_active:
        os.close(runs.acquire("run-1"))
    read_only(tmp_path)
    again = Runs(tmp_path)
    assert ([run.id for run in again.all()], again.active()) == (["run-1"], None)
    with pytest.raises(OSError, match="Read-only"):
        again.acquire("run-1")
