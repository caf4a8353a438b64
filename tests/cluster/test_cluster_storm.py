"""A small part of `make storm`: two backends and two extractors lose pods while versions are rolled out."""

from __future__ import annotations

import random

import pytest

from benchmarks.cluster_faults import Faults
from benchmarks.load import OUTCOMES, Load
from benchmarks.storm import findings_of, paired, storm, told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair(studio, registry):
    with paired(registry.address, studio) as release:
        yield release


def test_only_requests_to_a_backend_that_is_killed_are_lost_and_every_one_is_accounted_for(pair):
    faults = Faults(pair, random.Random(1))
    with Load(pair.url, pair.login) as load:
        storm(faults, load, requests=300, rollouts=2, kills=4, seed=1)
    events = faults.events
    assert findings_of(load, events) == [], load.failed
    assert sum(load.count(outcome) for outcome in OUTCOMES) == load.total >= 300
    happened = told(load, events, 1)["events"]
    assert sum(count for what, count in happened.items() if what.startswith("kill")) == 4
    assert happened["rollout of a version"] == 2
