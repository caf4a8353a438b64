"""A real cluster: for a test of one part a namespace of its own, with an extractor's Deployment of pods that start in a
second; for those of the whole one release that they share, in the order of the files' names.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.backend.cluster.api import Cluster
from service.backend.cluster.settings import ReleaseSettings
from tests.end_to_end.studio import Studio
from tests.support.lacking import missing

from .kubectl import kubectl
from .load import Load, load
from .neighbours import label_studio_in, registry_in
from .registry import OwnRegistry
from .release import IMAGE as SPANLOOP
from .release import Release, released

IMAGE = os.environ.get("SPANLOOP_TEST_BUSYBOX", "k8s.local/busybox:1")
RELEASE = "loop"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a cluster these tests are skipped and say how to have one; where CI is set that is an error instead."""
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    if os.environ.get("SPANLOOP_TEST_CLUSTER") or not here:
        return
    reason = "no cluster: run `make test-cluster`, with SPANLOOP_TEST_CONTEXT naming a kubeconfig context"
    if os.environ.get("CI"):
        raise pytest.UsageError(reason)
    for item in here:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def cluster(namespace: str) -> Cluster:
    """The release's objects, with an extractor of one pod that is ready unless its version is called broken."""
    kubectl("apply", "--namespace", namespace, "--filename", "-", given=extractor())
    settings = ReleaseSettings(namespace=namespace, release=RELEASE, extractor_deployment="extractor")
    return Cluster(settings)


@pytest.fixture
def patch(namespace: str) -> Callable[[Any], None]:
    """Patch the extractor's Deployment as a person would."""

    def apply(body: Any) -> None:
        kubectl("patch", "--namespace", namespace, "deployment", "extractor", "--patch", json.dumps(body))

    return apply


def extractor() -> dict[str, Any]:
    labels = {"app": "extractor"}
    live = {"fieldRef": {"fieldPath": "metadata.annotations['spanloop.dev/version']"}}
    container = {
        "name": "extractor",
        "image": IMAGE,
        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"],
        "env": [{"name": "LIVE", "valueFrom": live}],
        "readinessProbe": {
            "exec": {"command": ["sh", "-c", 'case "$LIVE" in *broken*) exit 1;; esac']},
            "periodSeconds": 1,
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "extractor"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The real Label Studio, where pods reach it."""
    with label_studio_in(tmp_path_factory.mktemp("label-studio")) as studio:
        yield studio


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRegistry]:
    """A registry, where pods reach it."""
    with registry_in(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def release(studio: Studio, registry: OwnRegistry) -> Iterator[Release]:
    """What `helm install` brought, with a project of annotated tasks that is connected to it."""
    if not SPANLOOP:
        missing("SPANLOOP_TEST_IMAGE names no image")
    with released(registry.address, studio) as release:
        release.connect()
        yield release


@pytest.fixture(scope="session")
def trained(release: Release) -> tuple[dict[str, Any], Load]:
    """Start Training, and nothing else, until the new version answers; predictions are asked for all the while."""
    with load(release) as seen:
        release.start_training()
        run = release.ended()
    return run, seen
