from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from service.files import replace_text
from service.settings import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from service.files import replace_text
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
replace_text(Path(sys.argv[1]), "the content of a writer that is killed")
"""


def test_a_file_is_written_with_the_directories_it_needs(tmp_path):
    target = tmp_path / "a" / "b" / "state.json"
    replace_text(target, "☃")
    assert target.read_text(encoding="utf-8") == "☃"
    assert [path.name for path in target.parent.iterdir()] == ["state.json"]


def test_a_write_that_fails_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "state.json"
    replace_text(target, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_text(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_the_half_of_a_writer_that_was_killed_is_gone_after_the_next_write(tmp_path):
    target = tmp_path / "state.json"
    replace_text(target, "old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], cwd=ROOT, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    replace_text(target, "new")
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_only_its_owner_may_read_a_file(tmp_path):
    replace_text(tmp_path / "state.json", "text of users")
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_reader_sees_one_whole_content_or_another_while_writers_race(tmp_path):
    target = tmp_path / "state.json"
    contents = [str(n) * 20_000 for n in range(4)]
    replace_text(target, contents[0])

    def write(content: str) -> None:
        for _ in range(15):
            replace_text(target, content)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert target.read_text() in contents
    for writer in writers:
        writer.join()
