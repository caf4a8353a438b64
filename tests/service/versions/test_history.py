from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.versions.history import INITIAL, Conflict, LiveFile

ROOT = Path(__file__).parents[3]


def history(file: LiveFile) -> list[str]:
    return [change.version for change in file.read().history]


def test_nothing_promoted_means_the_initial_model_is_live(tmp_path):
    live = LiveFile(tmp_path).read()
    assert live.version == INITIAL
    assert live.previous == INITIAL


def test_a_swap_makes_a_version_live_and_says_why(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "better")
    file.swap("v1", "v2", "better still")
    live = LiveFile(tmp_path).read()
    assert (live.version, live.previous, live.history[-1].why) == ("v2", "v1", "better still")


def test_a_swap_from_another_version_than_the_live_one_changes_nothing(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "better")
    with pytest.raises(Conflict, match="live version is v1, not the initial model"):
        file.swap(INITIAL, "v2", "judged against the initial model")
    assert history(file) == ["v1"]


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
        versions = [change.version for change in file.read().history]
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
    assert [version.split("-")[0] for version in history(LiveFile(tmp_path))] == [str(n) for n in range(rounds)]


def test_undo_goes_back_to_the_version_before_and_says_why(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "")
    file.swap("v1", "v2", "")
    live = file.undo("v2", "v2 was taken back: broken")
    assert live.version == file.read().version == "v1"
    assert live.history[-1].why == "v2 was taken back: broken"


def test_undo_of_the_first_version_goes_back_to_the_initial_model(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "")
    assert file.undo("v1", "broken").version == INITIAL
    assert file.read().previous == INITIAL


def test_undo_of_a_version_that_is_no_longer_live_changes_nothing(tmp_path):
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "")
    file.swap("v1", "v2", "")
    assert file.undo("v1", "broken").version == "v2"
    assert history(file) == ["v1", "v2"]


def test_what_is_before_a_version_that_came_back_by_undo_is_what_was_before_it(tmp_path):
    """Otherwise a second broken version could never be left, and a rollback would go nowhere."""
    file = LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "")
    file.swap("v1", "v2", "")
    file.swap("v2", "v3", "")
    file.undo("v3", "broken")
    assert file.read().previous == "v1"
    assert file.undo("v2", "broken too").version == "v1"
    assert file.undo("v1", "and this").version == INITIAL


def test_the_history_does_not_grow_without_end(tmp_path):
    file = LiveFile(tmp_path)
    for n in range(LiveFile.KEPT + 5):
        file.swap(file.read().version, f"v{n}", "")
    assert len(history(file)) == LiveFile.KEPT
    assert history(file)[-1] == f"v{LiveFile.KEPT + 4}"
