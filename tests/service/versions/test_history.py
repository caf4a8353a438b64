from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from service.versions.history import INITIAL, Conflict, History, LiveFile

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 1, 1, tzinfo=UTC)

OLD = """{
 "history": [
  {"version": "v1", "at": "2026-11-25T18:26:48.123456Z", "why": "Promoted by run-1. better"},
  {"version": "v2", "at": "2026-11-26T09:00:00Z", "why": "Promoted by hand."}
 ]
}"""
"""live.json as Spanloop wrote it before it remembered what was given up."""


class OldChange(BaseModel):
    version: str
    at: datetime
    why: str


class OldLive(BaseModel):
    """live.json as that Spanloop read it."""

    history: tuple[OldChange, ...] = ()


class Short(History):
    CHANGES_KEPT = 3


def references(history: History) -> list[str]:
    return [change.reference for change in history.changes]


def swapped(*names: str, of: type[History] = History) -> History:
    history = of()
    for name in names:
        history = history.swapped(name, f"{name} is better", AT)
    return history


# The model


def test_nothing_promoted_means_the_initial_model_is_live():
    history = History()
    assert history.live == history.previous == INITIAL
    assert history.why == ""
    assert history.in_use == frozenset()


def test_a_rollback_goes_to_the_version_before_and_remembers_what_was_given_up():
    history = swapped("v1", "v2").back("v2 was wrong", AT)
    assert (history.live, history.why, history.given_up) == ("v1", "v2 was wrong", ("v2",))
    history = history.back("v1 as well", AT)
    assert (history.live, history.previous, history.given_up) == (INITIAL, INITIAL, ("v2", "v1"))


def test_what_was_given_up_is_forgotten_when_it_is_live_again():
    history = swapped("v1", "v2").back("by hand", AT).swapped("v2", "by hand", AT)
    assert (history.live, history.previous, history.given_up) == ("v2", "v1", ())


def test_what_is_before_a_version_that_came_back_is_what_was_before_it():
    """Otherwise a second broken version could never be left, and a rollback would go nowhere."""
    history = swapped("v1", "v2", "v3").back("broken", AT)
    assert (history.live, history.previous) == ("v2", "v1")
    assert history.back("broken too", AT).live == "v1"


def test_an_undone_version_goes_back_to_what_was_good_and_what_came_after_that_leaves():
    history = swapped("v1", "v2", "v3", "v4").undone("v2", "not ready", AT)
    assert references(history) == ["v1", "v2"]
    assert (history.previous, history.why, history.given_up) == ("v1", "not ready", ("v4",))


def test_a_good_version_that_the_history_has_forgotten_is_live_all_the_same():
    history = swapped("v1", "v2").undone("v0", "not ready", AT)
    assert (references(history), history.previous) == (["v0"], INITIAL)


NAMES = st.sampled_from(["v1", "v2", "v3", "v4"])
STEP = st.tuples(st.sampled_from(["swapped", "undone"]), NAMES) | st.just(("back", ""))
STEPS = st.lists(STEP, max_size=30)


def done(history: History, step: str, name: str) -> History:
    if step == "swapped":
        return history.swapped(name, "why", AT)
    if step == "back":
        return history.back("why", AT)
    return history.undone(name, "why", AT)


def expected(line: list[str], step: str, name: str) -> list[str]:
    """The same step on a list of names; the last is live."""
    if step == "swapped":
        return [*line, name]
    if step == "back":
        return line[:-1] or [INITIAL]
    while line and line[-1] != name:
        line = line[:-1]
    return line or [name]


@given(STEPS)
def test_the_live_version_and_the_one_before_it_are_what_a_list_says(steps):
    history, line, given_up = History(), [], []
    for step, name in steps:
        if step != "swapped":
            given_up.append(line[-1] if line else INITIAL)
        line = expected(line, step, name)
        given_up = [one for one in given_up if one != line[-1]]
        history = done(history, step, name)
        assert references(history) == line
        assert history.live == line[-1]
        assert history.previous == ([INITIAL, *line][-2])
        assert history.given_up == tuple(given_up)
        assert History.model_validate_json(history.as_json()) == history


@given(STEPS)
def test_however_much_is_forgotten_the_live_version_is_not(steps):
    history, line = Short(), []
    for step, name in steps:
        line = expected(line, step, name)[-Short.CHANGES_KEPT :]
        history = done(history, step, name)
        assert references(history) == line
        assert len(history.given_up) <= Short.CHANGES_KEPT
        assert history.live not in history.given_up
        if step == "swapped":
            assert history.live == name


# The file of one machine


def test_a_file_of_an_older_spanloop_is_read_and_goes_on(tmp_path):
    file = LiveFile(tmp_path)
    file.path.write_text(OLD, encoding="utf-8")
    history = file.read()
    assert (history.live, history.previous, history.why) == ("v2", "v1", "Promoted by hand.")
    assert history.changes[0].at == datetime(2026, 11, 25, 18, 26, 48, 123456, tzinfo=UTC)
    assert history.given_up == ()
    assert file.swap("v2", "v3", "better").previous == "v2"
    assert references(file.read()) == ["v1", "v2", "v3"]


def test_an_older_spanloop_reads_the_file_and_what_it_writes_is_read_again(tmp_path):
    file = LiveFile(tmp_path)
    file.path.write_text(OLD, encoding="utf-8")
    file.swap("v2", "v3", "better")
    file.back("v3", "Rolled back by hand from v3.")
    stored = json.loads(file.path.read_text(encoding="utf-8"))
    assert stored["history"][0] == {**json.loads(OLD)["history"][0], "reference": "v1"}
    old = OldLive.model_validate(stored)
    assert [change.version for change in old.history] == ["v1", "v2"]
    assert old.history[-1].why == "Rolled back by hand from v3."
    file.path.write_text(old.model_dump_json(indent=1), encoding="utf-8")
    assert references(file.read()) == ["v1", "v2"]


def test_a_swap_makes_a_version_live_and_says_why(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "better")
    file.swap("v1", "v2", "better still")
    history = LiveFile(tmp_path).read()
    assert (history.live, history.previous, history.why) == ("v2", "v1", "better still")


def test_a_swap_from_another_version_than_the_live_one_changes_nothing(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "better")
    with pytest.raises(Conflict, match="live version is v1, not the initial model"):
        file.swap(INITIAL, "v2", "judged against the initial model")
    assert references(file.read()) == ["v1"]


def test_of_eight_racing_processes_exactly_one_wins_each_version(tmp_path):
    """Each process judges against what it read and tries to promote; in every round one may win."""
    rounds, racers = 6, 8
    code = """
import sys, time
from pathlib import Path
import service.versions.history
from service.versions.history import Conflict, LiveFile
write = service.versions.history.replace_text
# Without the lock the race is now lost.
service.versions.history.replace_text = lambda *args: (time.sleep(0.01), write(*args))
home, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
file = LiveFile(home)
sys.stdin.readline()
expected = ""
for turn in range(rounds):
    try:
        file.swap(expected, f"{turn}-{name}", "race")
        print(turn, flush=True)
    except Conflict:
        pass
    while True:
        versions = [change.reference for change in file.read().changes]
        if len(versions) > turn:
            expected = versions[turn]
            break
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(n), str(rounds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(racers)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [process.communicate(timeout=60)[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sorted(turn for turns in won for turn in turns) == [str(n) for n in range(rounds)]
    live = references(LiveFile(tmp_path).read())
    assert [version.split("-")[0] for version in live] == [str(n) for n in range(rounds)]


def test_a_version_is_taken_back_to_the_one_before_and_that_is_remembered(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "")
    file.swap("v1", "v2", "")
    history = file.back("v2", "v2 was taken back: broken")
    assert history == LiveFile(tmp_path).read()
    assert (history.live, history.why, history.given_up) == ("v1", "v2 was taken back: broken", ("v2",))


def test_a_version_that_is_no_longer_live_is_not_taken_back(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "")
    file.swap("v1", "v2", "")
    with pytest.raises(Conflict, match="live version is v2, not v1"):
        file.back("v1", "broken")
    assert references(file.read()) == ["v1", "v2"]


def test_the_file_does_not_grow_without_end(tmp_path):
    file = LiveFile(tmp_path)
    for n in range(History.CHANGES_KEPT + 5):
        file.swap(file.read().live, f"v{n}", "")
    assert len(file.read().changes) == History.CHANGES_KEPT
    assert file.read().live == f"v{History.CHANGES_KEPT + 4}"


@pytest.mark.parametrize("damage", ["", "{", '{"history": [{"reference": 1}]}', "\x00" * 50])
def test_a_damaged_file_is_told_its_copy_counts_and_the_next_change_mends_it(tmp_path, damage, service_log):
    live = LiveFile(tmp_path)
    live.swap(INITIAL, "v1", "better")
    live.path.write_text(damage)
    for _ in range(3):
        assert live.read().live == "v1"
    assert sum("cannot be read" in line for line in service_log) == 1
    live.swap("v1", "v2", "better still")
    assert [change.version for change in LiveFile(tmp_path).read().changes] == ["v1", "v2"]
    assert (tmp_path / "live.json.unreadable").read_text() == damage


def test_where_the_copy_is_damaged_too_the_base_model_is_live_and_nothing_falls(tmp_path, service_log):
    live = LiveFile(tmp_path)
    live.swap(INITIAL, "v1", "better")
    for path in tmp_path.glob("live.json*"):
        path.write_text("{")
    assert LiveFile(tmp_path).read() == History()
    assert any("base model is live" in line for line in service_log)


def test_a_file_that_was_deleted_begins_anew(tmp_path):
    live = LiveFile(tmp_path)
    live.swap(INITIAL, "v1", "better")
    live.path.unlink()
    assert live.read() == History()


def test_a_disk_that_cannot_be_read_at_present_makes_no_other_version_live(tmp_path, monkeypatch):
    live = LiveFile(tmp_path)
    live.swap(INITIAL, "v1", "better")

    def broken(path, **_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(Path, "read_text", broken)
        with pytest.raises(OSError, match="Input/output"):
            live.read()
    assert live.read().live == "v1"
