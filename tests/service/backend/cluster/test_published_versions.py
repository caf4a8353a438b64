"""How often a registry is asked for its versions."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from service.backend.cluster.versions import LIST_SECONDS, READ_ANEW_SECONDS, PublishedVersions
from tests.support.clock import Clock


class Registry:
    """A registry that counts how often all its manifests are read."""

    def __init__(self):
        self.names, self.reads = ["v1"], 0

    def tags(self):
        return list(self.names)

    def versions(self):
        self.reads += 1
        return [SimpleNamespace(lineage=name) for name in self.names]


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def known(registry, clock):
    return PublishedVersions(registry, clock)


def test_manifests_are_read_once_while_no_version_comes_or_goes(registry, clock, known):
    for _ in range(20):
        assert known.versions() == ["v1"]
        clock.seconds += LIST_SECONDS
    assert registry.reads == 1


def test_a_new_version_is_there_at_the_next_look(registry, clock, known):
    known.versions()
    registry.names = ["v1", "v2"]
    clock.seconds += LIST_SECONDS
    assert known.versions() == ["v1", "v2"]
    registry.names = ["v2"]
    clock.seconds += LIST_SECONDS
    assert known.versions() == ["v2"]


def test_now_and_then_all_is_read_anew(registry, clock, known):
    known.versions()
    clock.seconds += READ_ANEW_SECONDS
    known.versions()
    assert registry.reads == 2
