"""The verdicts that the page shows."""

from __future__ import annotations

import pytest

from service.backend.verdicts import RETRY_SECONDS, Verdicts
from service.versions.oci.errors import RegistryError
from service.versions.store import UnknownVersion
from tests.support.clock import Clock
from tests.support.reported import judged, sources


class Store:
    """Gives documents, counts how often it is asked, and fails if it is to."""

    def __init__(self, **documents):
        self.documents = documents
        self.asked = []
        self.fails = False

    def document(self, version, name):
        self.asked.append(version)
        if self.fails:
            raise RegistryError("the registry is away")
        if version not in self.documents:
            raise UnknownVersion(version)
        return self.documents[version]


VERDICT = sources(judged(60)).verdict.json().encode()


def test_each_verdict_is_read_once_and_kept_while_it_is_wanted():
    store = Store(v1=VERDICT)
    verdicts = Verdicts(store)
    assert verdicts.of("v1") is None
    for _ in range(3):
        verdicts.keep(["v1", "older"])
    assert store.asked == ["v1", "older"], "a version without a verdict is not asked for again"
    assert verdicts.of("v1").decision == "PROMOTE"
    assert verdicts.of("older") is None
    verdicts.keep(["v2"])
    assert verdicts.of("v1") is None


def test_a_registry_that_is_away_is_asked_again_after_a_while():
    store, clock = Store(v1=VERDICT), Clock()
    verdicts = Verdicts(store, clock)
    store.fails = True
    with pytest.raises(RegistryError):
        verdicts.keep(["v1"])
    verdicts.keep(["v1"])
    assert len(store.asked) == 1
    store.fails = False
    clock.seconds += RETRY_SECONDS
    verdicts.keep(["v1"])
    assert verdicts.of("v1")


def test_a_verdict_that_cannot_be_read_is_logged_and_none(service_log):
    verdicts = Verdicts(Store(v1=b"{}"))
    verdicts.keep(["v1"])
    assert verdicts.of("v1") is None
    assert any("v1" in line and "cannot be read" in line for line in service_log)
