"""How a storm accounts for requests. tests/cluster/test_cluster_storm.py lets a small one pass."""

from __future__ import annotations

import random

import pytest

from benchmarks.cluster_faults import BACKEND_KILL, ROLLOUT, Event
from benchmarks.load import CUT, REASON, REFUSED, Failed, Load
from benchmarks.storm import NOTHING, cause_of, findings_of, planned

KILLED = Event(BACKEND_KILL, 100.0, 101.0)
ROLLED = Event(ROLLOUT, 90.0, 200.0)


def failed(began, ended, outcome=CUT):
    return Failed(began, ended, outcome, "why")


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (failed(99.0, 100.5), BACKEND_KILL),
        (failed(105.0, 105.1), BACKEND_KILL),
        (failed(150.0, 150.1), ROLLOUT),
        (failed(300.0, 300.1), NOTHING),
    ],
)
def test_a_request_is_put_down_to_the_likeliest_of_what_happened_while_it_was_under_way(request_, cause):
    assert cause_of(request_, [ROLLED, KILLED]) == cause


def test_only_a_connection_that_is_cut_by_the_kill_of_a_backend_is_no_finding():
    load = Load("http://127.0.0.1:9")
    load.failed += [failed(100.0, 100.5), failed(100.0, 100.5, REFUSED), failed(150.0, 151.0, REASON), failed(300, 301)]
    found = findings_of(load, [ROLLED, KILLED])
    assert found == [f"1 {CUT}: {NOTHING}", f"1 {REASON}: {ROLLOUT}", f"1 {REFUSED}: {BACKEND_KILL}"]


def test_a_plan_has_as_many_kills_as_were_asked_for_and_drains_and_evictions_among_them():
    plan = planned(50, random.Random(1))
    assert [act for act, _ in plan].count("kill") == 50
    assert {act for act, _ in plan[:40]} == {"kill", "evict", "drain"}
