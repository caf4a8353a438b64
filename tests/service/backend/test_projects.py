from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from service.backend import projects as kept
from service.backend.local.projects import FileProjects


def test_projects_are_remembered_through_a_restart(tmp_path):
    projects = FileProjects(tmp_path)
    projects.see(7)
    projects.configure(3, '{"threshold": 0.4}')
    projects.tick()
    again = FileProjects(tmp_path)
    assert again.ids == (3, 7)
    assert again.get(3).threshold == 0.4
    assert again.get(7).threshold is None
    assert again.get(None) is None


def test_seeing_a_project_again_keeps_its_configuration(tmp_path):
    projects = FileProjects(tmp_path)
    projects.configure(3, {"threshold": 0.4})
    projects.see(3)
    assert projects.get(3).threshold == 0.4


@pytest.mark.parametrize(
    "given",
    ["nonsense", "[1]", 7, {"threshold": "x"}, {"threshold": 1}, {"threshold": [0.5]}, "[" * 100_000],
    ids=lambda given: str(given)[:15],
)
def test_what_cannot_be_used_is_said_and_the_default_counts(tmp_path, given):
    projects = FileProjects(tmp_path)
    projects.configure(3, given)
    assert projects.get(3).threshold is None
    assert "default" in projects.get(3).warning


def test_a_usable_configuration_clears_the_warning(tmp_path):
    projects = FileProjects(tmp_path)
    projects.configure(3, "nonsense", "The label config is not well-formed.")
    assert "well-formed" in projects.get(3).warning
    assert "extra_params" in projects.get(3).warning
    projects.configure(3, "")
    assert projects.get(3).warning == ""


def test_projects_seen_at_the_same_time_are_all_kept(tmp_path):
    projects = FileProjects(tmp_path)
    threads = [threading.Thread(target=projects.see, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    projects.tick()
    assert projects.ids == FileProjects(tmp_path).ids == tuple(range(20))


@pytest.fixture
def at(monkeypatch):
    """Set the time that it is: so much after noon."""

    def be(**after):
        moment = datetime(2026, 11, 29, 12, tzinfo=UTC) + timedelta(**after)
        monkeypatch.setattr(kept, "now", lambda: moment)

    be()
    return be


def test_a_file_without_times_is_read(tmp_path):
    old = {"3": {"id": 3, "threshold": 0.4, "warning": ""}, "99": {"id": 99, "threshold": None, "warning": "odd"}}
    (tmp_path / "projects.json").write_text(json.dumps(old))
    projects = FileProjects(tmp_path)
    assert projects.ids == (3, 99)
    assert projects.get(3).threshold == 0.4
    projects.forget(99, "forgotten by hand")
    projects.tick()
    assert projects.ids == FileProjects(tmp_path).ids == (3,)


def test_a_sighting_is_written_once_an_hour_and_what_was_configured_at_once(tmp_path, at):
    projects = FileProjects(tmp_path)
    projects.configure(3, "", host="spanloop:9090")
    projects.tick()
    first = (tmp_path / "projects.json").read_text()
    at(minutes=59)
    projects.configure(3, "", host="spanloop:9090")
    projects.tick()
    assert (tmp_path / "projects.json").read_text() == first
    assert projects.get(3).seen.minute == 59
    at(minutes=61)
    projects.configure(3, "", host="spanloop:9090")
    projects.tick()
    assert FileProjects(tmp_path).get(3).seen.hour == 13
    projects.configure(3, {"threshold": 0.4}, host="spanloop:9090")
    projects.tick()
    assert FileProjects(tmp_path).get(3).threshold == 0.4


def test_a_forgotten_project_is_in_no_run_and_comes_back_with_the_next_call(tmp_path, service_log):
    projects = FileProjects(tmp_path)
    projects.configure(3, {"threshold": 0.4}, "The label config is not well-formed.")
    projects.see(7)
    projects.forget(3, "it has no model connected")
    projects.tick()
    assert projects.ids == FileProjects(tmp_path).ids == (7,)
    assert projects.get(3) is None
    assert "WARNING service.backend.projects project 3 is forgotten: it has no model connected" in service_log
    projects.configure(3, "")
    projects.tick()
    assert projects.ids == FileProjects(tmp_path).ids == (3, 7)


def test_a_project_that_is_left_out_stays_so_until_it_is_taken_in_again(tmp_path, at):
    """Whatever other backends hear of it meanwhile, in any order."""
    one, other = FileProjects(tmp_path), FileProjects(tmp_path)
    one.configure(3, {"threshold": 0.4})
    one.see(7)
    for projects in (one, other):
        projects.tick()
    at(seconds=1)
    one.leave_out(3)
    at(seconds=2)
    other.configure(3, {"threshold": 0.5})
    for projects in (other, one, other):
        projects.tick()
    for projects in (one, other, FileProjects(tmp_path)):
        assert projects.ids == (3, 7)
        assert projects.learnt_from == (7,)
        assert projects.get(3).threshold == 0.5
    other.take_in(3)
    for projects in (one, other, one):
        projects.tick()
    assert one.learnt_from == FileProjects(tmp_path).learnt_from == (3, 7)


def test_what_was_seen_after_the_question_is_not_forgotten_by_its_answer(tmp_path, at):
    projects = FileProjects(tmp_path)
    at(seconds=2)
    projects.see(3)
    projects.forget(3, "it has no model connected", at=datetime(2026, 11, 29, 12, 0, 1, tzinfo=UTC))
    assert projects.ids == (3,)


def test_a_running_backend_forgets_what_another_process_forgot_and_writes_it_back_never(tmp_path):
    running = FileProjects(tmp_path)
    running.see(3)
    running.see(7)
    running.tick()
    by_hand = FileProjects(tmp_path)
    by_hand.forget(7, "forgotten by hand")
    by_hand.flush()
    running.configure(3, {"threshold": 0.3})
    running.tick()
    assert running.ids == FileProjects(tmp_path).ids == (3,)
    running.see(7)
    running.tick()
    assert running.ids == FileProjects(tmp_path).ids == (3, 7)


def test_what_two_processes_change_at_once_is_all_kept(tmp_path):
    one, other = FileProjects(tmp_path), FileProjects(tmp_path)
    one.configure(3, {"threshold": 0.3})
    other.configure(5, {"threshold": 0.5})
    for projects in (one, other, one):
        projects.tick()
    assert one.ids == other.ids == (3, 5)
    assert FileProjects(tmp_path).get(3).threshold == 0.3


def test_that_a_project_was_forgotten_is_itself_forgotten_after_a_week(tmp_path, at):
    projects = FileProjects(tmp_path)
    projects.see(99)
    projects.forget(99, "Label Studio has no such project (any more)", kept.now())
    at(days=8)
    projects.see(3)
    projects.tick()
    assert json.loads((tmp_path / "projects.json").read_text()).keys() == {"3"}


def test_a_call_that_configures_nothing_keeps_what_another_backend_was_told(tmp_path, at):
    """Start Training comes to one backend, a changed threshold came to another."""
    one, other = FileProjects(tmp_path), FileProjects(tmp_path)
    one.configure(3, {"threshold": 0.3})
    for projects in (one, other):
        projects.tick()
    at(seconds=1)
    one.configure(3, {"threshold": 0.6})
    at(seconds=2)
    other.see(3)
    for projects in (one, other, one):
        projects.tick()
    assert one.get(3).threshold == other.get(3).threshold == 0.6


def test_a_full_disk_keeps_no_project_from_being_known(tmp_path, monkeypatch):
    projects = FileProjects(tmp_path)

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.backend.local.projects.replace_text", full)
    projects.configure(3, {"threshold": 0.4})
    assert projects.get(3).threshold == 0.4
    with pytest.raises(OSError, match="No space"):
        projects.tick()


def test_a_file_that_cannot_be_read_is_told_once_and_kept(tmp_path, service_log):
    (tmp_path / "projects.json").write_text('{"3": {"id": "three"}}')
    projects = FileProjects(tmp_path)
    for _ in range(3):
        projects.tick()
    projects.see(5)
    projects.tick()
    assert sum("cannot be read" in line for line in service_log) == 1
    assert "three" in (tmp_path / "projects.json.unreadable").read_text()
    assert FileProjects(tmp_path).ids == (5,)
