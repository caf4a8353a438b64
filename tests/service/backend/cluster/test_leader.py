"""The Lease on a small API server."""

from __future__ import annotations

import pytest

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import ClusterError
from service.backend.cluster.leader import LEADS_SECONDS, RENEW_SECONDS, Leader
from tests.support.clock import Clock

LEASE = "spanloop-backend"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leader(api, on_cluster, clock):
    one = Leader(Cluster(on_cluster()), LEASE, "one", clock)
    one.tick()
    return one


def holder(api):
    return api.objects["leases", LEASE]["spec"]["holderIdentity"]


def test_one_renewal_that_fails_ends_no_leadership_and_two_do(leader, api, clock):
    api.broken = 500
    for seconds, leads in ((RENEW_SECONDS, True), (LEADS_SECONDS - RENEW_SECONDS, False)):
        clock.seconds += seconds
        with pytest.raises(ClusterError):
            leader.tick()
        assert leader.leads() == leads
    api.broken = 0
    leader.tick()
    assert leader.leads()


def test_a_lease_that_another_backend_has_taken_is_neither_renewed_nor_released(leader, api, clock):
    clock.seconds += 60
    taken = api.objects["leases", LEASE]
    api.put("leases", {**taken, "spec": {**taken["spec"], "holderIdentity": "another"}})
    leader.release()
    assert holder(api) == "another"
    leader.tick()
    assert not leader.leads()
    assert holder(api) == "another"


def test_a_backend_that_ends_releases_its_lease(leader, api):
    leader.release()
    assert holder(api) == ""
