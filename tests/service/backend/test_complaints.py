"""What a backend logs and counts of checks that fail at every tick."""

from __future__ import annotations

import pytest

from service.backend.cluster.errors import ClusterAway
from service.backend.complaints import LOG_SECONDS, Complaints
from service.backend.loop import Loop
from service.versions.oci.errors import RegistryError
from tests.support.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def complaints(clock):
    return Complaints(clock)


def away(what):
    return ClusterAway("It was not reached.", f"The API server was not reached to: {what}.")


def test_an_api_server_that_is_away_is_one_line_a_minute_without_a_traceback(complaints, clock, service_log, grown):
    for _ in range(120):
        for what in ("list Jobs", "read Deployment extractor", "renew Lease spanloop-backend"):
            complaints.note(away(what))
        clock.seconds += LOG_SECONDS / 60
    assert len(service_log) == 2
    assert "Traceback" not in "".join(service_log)
    assert "The API server was not reached" in service_log[0]
    assert grown("spanloop_errors_total", cause="cluster_api") == 360


def test_each_cause_has_its_line(complaints, service_log):
    complaints.note(away("list Jobs"))
    complaints.note(RegistryError("The registry is away."))
    assert len(service_log) == 2


def test_an_error_of_the_backends_own_has_its_traceback(complaints, service_log):
    try:
        raise KeyError("nothing")
    except KeyError as error:
        complaints.note(error)
    assert "Traceback" in service_log[0]


def test_a_full_disk_is_one_line_a_minute_without_a_traceback(complaints, clock, service_log, grown):
    for _ in range(120):
        complaints.note(OSError(28, "No space left on device", "projects.json"))
        clock.seconds += LOG_SECONDS / 60
    assert len(service_log) == 2
    assert "No space left on device: 'projects.json'" in service_log[0]
    assert "Traceback" not in "".join(service_log)
    assert grown("spanloop_errors_total", cause="internal") == 120


def test_a_step_that_fails_is_complained_of_and_keeps_no_other_from_running(until):
    complained, ran = [], []

    def fail():
        raise away("list Jobs")

    loop = Loop([fail, lambda: ran.append(1)], lambda: 0.01)
    loop.start(complained.append)
    until(lambda: len(complained) > 2 and len(ran) > 2)
    loop.end()
    loop.join()
