"""A small part of `make faults`, `make fuzz` and `make soak`, on real processes."""

from __future__ import annotations

import os
import random

import pytest

from benchmarks.faults import disks, kills, writes
from benchmarks.faults.kind import Place
from benchmarks.fuzz.__main__ import fuzz
from benchmarks.fuzz.request import Request, read
from benchmarks.machine import at, studio
from benchmarks.soak import Everything, soak
from tests.support.studio import served


def findings(tries):
    return [finding for tried in tries for finding in tried.findings]


@pytest.fixture
def place(tmp_path, model_folder):
    return Place(tmp_path, model_folder, random.Random(1), 2)


def test_a_server_that_is_killed_under_load_serves_the_same_version_again(place):
    assert findings(kills.serving(place)) == []


def test_a_state_file_whose_writer_is_killed_is_whole_and_nothing_lies_beside_it(place):
    for kind in writes.KINDS:
        assert findings(kind.tries(place)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which needs root")
def test_once_a_full_disk_has_room_again_all_goes_on(place):
    kind = next(kind for kind in disks.KINDS if kind.name == "full-disk")
    assert findings(kind.tries(place._replace(times=1))) == []


@pytest.mark.parametrize(("service", "count"), [("backend", 250), ("extractor", 50)])
def test_odd_requests_are_refused_in_words_and_leave_no_traceback(tmp_path, model_folder, service, count):
    report = fuzz(service, count, 1, tmp_path / "home", model_folder, tmp_path / "found")
    assert report.counts.total() == count
    assert report.findings == []


def test_a_request_that_was_saved_is_the_same_when_it_is_read(tmp_path):
    request = Request("backend", "POST", "/setup", "/setup?x", {"content-type": "\xff"}, b"\x00\xff")
    request.save(tmp_path / "request.json")
    assert read(tmp_path / "request.json") == request


def test_no_honest_request_is_answered_wrong_or_left_hanging_while_the_server_is_killed(tmp_path, model_folder):
    with served(studio()) as label_studio, at(tmp_path / "machine", model_folder, label_studio.url) as machine:
        with Everything(machine.url) as load:
            course = soak(machine, label_studio, seconds=4.0, run_every=60.0, kill_every=2.0)
            load.wait(10)
        assert (load.findings, machine.left()) == ([], [])
    assert course.events == {"kills of the process that serves": 1}
