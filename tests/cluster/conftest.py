"""A real cluster, a namespace for each test, and an extractor's Deployment of pods that start in a second."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.backend.cluster.api import Cluster
from service.settings import Settings

IMAGE = os.environ.get("SPANLOOP_TEST_BUSYBOX", "k8s.local/busybox:1")
RELEASE = "loop"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a cluster these tests are skipped and say how to have one; where CI is set they fail instead."""
    if os.environ.get("SPANLOOP_TEST_CLUSTER") or os.environ.get("CI"):
        return
    reason = "no cluster: run `make test-cluster`, with SPANLOOP_TEST_CONTEXT naming a kubeconfig context"
    for item in items:
        if "cluster" in item.path.parts and item.path.parent.name == "cluster" and "service" not in item.path.parts:
            item.add_marker(pytest.mark.skip(reason=reason))


def kubectl(*arguments: str, given: object = None) -> str:
    """Run kubectl; `given` goes to it as JSON."""
    content = None if given is None else json.dumps(given)
    done = subprocess.run(["kubectl", *arguments], input=content, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


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
    settings = Settings(namespace=namespace, release=RELEASE, extractor_deployment="extractor")
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
