from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.versions.staging import workplace

ROOT = Path(__file__).parents[3]


def test_it_is_empty_and_gone_afterwards_even_if_the_work_fails(tmp_path):
    place = tmp_path / "in" / "place"
    place.mkdir(parents=True)
    (place / "left by a killed process").touch()
    with pytest.raises(OSError, match="full"), workplace(place) as folder:
        assert list(folder.iterdir()) == []
        (folder / "half").touch()
        raise OSError("full")
    assert [path.name for path in place.parent.iterdir()] == ["place.lock"]


CODE = """
import sys
from pathlib import Path
from service.versions.staging import workplace
for turn in range(int(sys.argv[2])):
    with workplace(Path(sys.argv[1])) as folder:
        (folder / "mine").write_text(sys.argv[3])
        for look in range(50):
            assert [path.name for path in folder.iterdir()] == ["mine"]
            assert (folder / "mine").read_text() == sys.argv[3]
        print("in", flush=True)
        if sys.argv[3] == "stays":
            sys.stdin.readline()
"""


def started(place, turns, who):
    command = [sys.executable, "-c", CODE, str(place), str(turns), who]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_several_that_want_it_each_has_it_alone(tmp_path):
    processes = [started(tmp_path / "place", 40, str(who)) for who in range(4)]
    assert [process.communicate(timeout=120)[0].count("in") for process in processes] == [40] * 4
    assert [process.returncode for process in processes] == [0] * 4


def test_a_killed_owner_keeps_nobody_waiting(tmp_path):
    first = started(tmp_path / "place", 1, "stays")
    assert first.stdout.readline() == "in\n"
    first.kill()
    first.communicate()
    assert (tmp_path / "place" / "mine").exists()
    with workplace(tmp_path / "place") as folder:
        assert list(folder.iterdir()) == []
    assert not (tmp_path / "place").exists()
