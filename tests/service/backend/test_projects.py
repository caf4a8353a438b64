from __future__ import annotations

import threading

import pytest

from service.backend.local.projects import FileProjects


def test_projects_are_remembered_through_a_restart(tmp_path):
    projects = FileProjects(tmp_path)
    projects.see(7)
    projects.configure(3, '{"threshold": 0.4}')
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
    assert projects.ids == FileProjects(tmp_path).ids == tuple(range(20))
