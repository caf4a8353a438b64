"""The extractor from none to one by the backend, from one to many by an autoscaler, and back."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager

import pytest

from tests.end_to_end.backend import until
from tests.support.lacking import missing

PROMETHEUS = os.environ.get("SPANLOOP_TEST_PROMETHEUS", "")
"""A Prometheus that scrapes annotated pods; an adapter answers the autoscaler from it."""


@pytest.fixture
def resting(release):
    """A release whose extractor has gone to rest."""
    release.upgrade(scaleToZero={"enabled": True, "idleSeconds": 3})
    try:
        until(lambda: release.replicas == 0 and not release.extractor["status"].get("replicas"), "the rest", 120)
        yield
    finally:
        release.upgrade(scaleToZero={"enabled": False})


def test_an_extractor_at_rest_is_woken_by_a_prediction(release, trained, resting):
    version = release.version
    assert release.setup().startswith(version)
    (item,) = release.predict().json()["results"]
    assert "error" not in item
    assert item["model_version"].startswith(version)
    until(lambda: release.replicas == 0, "the rest after it", 120)


@pytest.fixture
def scaled(release):
    """A release that an autoscaler scales on the texts that wait."""
    if not PROMETHEUS:
        missing("SPANLOOP_TEST_PROMETHEUS names no Prometheus that an autoscaler's metrics come from")
    # The backend that the upgrade before has replaced may have sent the extractor to rest once more.
    release.predict()
    quick = {"scaleDown": {"stabilizationWindowSeconds": 5}}
    try:
        release.upgrade(autoscaling={"kind": "hpa", "target": 2, "maxReplicas": 3, "behavior": quick})
        yield
    finally:
        release.upgrade(autoscaling={"kind": "none"})


def test_an_autoscaler_adds_extractors_for_those_who_wait_and_takes_them_away(release, trained, scaled):
    assert release.replicas == 1
    with many(release):
        until(lambda: release.extractor["status"].get("replicas") == 3, "three extractors", 200)
    until(lambda: release.extractor["status"].get("replicas") == 1, "one extractor", 300)


@contextmanager
def many(release, people=2, tasks=50):
    """People who retrieve predictions for many tasks, again and again."""
    ended = threading.Event()

    failures = []

    def retrieve():
        while not ended.is_set():
            answer = release.predict(tasks)
            if not answer.is_success:
                failures.append(answer.text)

    threads = [threading.Thread(target=retrieve) for _ in range(people)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []
