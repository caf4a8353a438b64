"""What happens to a release on a cluster: pods are killed and evicted, a node is drained, versions are rolled out."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from tests.cluster.kubectl import kubectl
from tests.cluster.release import Release
from tests.end_to_end.backend import until

COMPONENTS = ("backend", "extractor")
PODS = 2
"""Pods of each component. Nothing is done to one before so many are ready."""
LOOK_SECONDS = 1.0
"""Seconds between two looks at the cluster: each takes time of the processor that is measured."""
READY_SECONDS = 300.0
ROLLOUT_SECONDS = 600.0
DRAIN_SECONDS = 30
"""So long a drain tries to evict. A cluster's only node is never empty: the disruption budgets keep the last pods."""
BACKEND_KILL, EXTRACTOR_KILL = KILLS = tuple(f"kill of a pod of the {component}" for component in COMPONENTS)
EVICTION, REFUSED_EVICTION = "eviction of a pod", "eviction that the disruption budget refused"
DRAIN, UNFINISHED_DRAIN = "drain of a node", "drain of a node that was given up, with pods that the budget kept"
ROLLOUT = "rollout of a version"


_until = partial(until, every=LOOK_SECONDS)


class Event(NamedTuple):
    """Something that happened, with its begin and end by the monotonic clock, in seconds."""

    what: str
    began: float
    ended: float


class Faults:
    """Does all this to a release, one after another, and keeps what happened."""

    def __init__(self, release: Release, rng: random.Random) -> None:
        self.events: list[Event] = []
        self._release = release
        self._rng = rng

    def kill(self, component: str) -> None:
        """Kill a pod, which gets no time to end."""
        pod = self._ready_pod(component)
        with self._noted(KILLS[COMPONENTS.index(component)]):
            self._release.kubectl("delete", "pod", pod, "--force", "--grace-period=0", "--wait=false")

    def evict(self, component: str) -> None:
        """Ask the API server to evict a pod, as a drain or an autoscaler of nodes does. The pod may end in peace."""
        pod, namespace = self._ready_pod(component), self._release.namespace
        policy = "policy/v1" if "policy/v1" in kubectl("api-versions").split() else "policy/v1beta1"
        body = {"apiVersion": policy, "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
        with self._noted(EVICTION, REFUSED_EVICTION):
            kubectl("create", "--raw", path, "--filename", "-", given=body)

    def drain(self, component: str) -> None:
        """Drain the node of a pod, of this release's pods alone, and let it take pods again."""
        pod = self._ready_pod(component)
        node = self._release.get("pod", pod)["spec"]["nodeName"]
        ours = "--pod-selector=app.kubernetes.io/instance=loop"
        try:
            with self._noted(DRAIN, UNFINISHED_DRAIN):
                kubectl(
                    "drain", node, ours, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={DRAIN_SECONDS}s"
                )
        finally:
            kubectl("uncordon", node)

    def roll(self, version: str) -> None:
        """Roll a version out, or roll it back to the initial model if it is live, and wait until all pods serve it."""
        is_live = version in self._release.reference
        command = ("rollback",) if is_live else ("promote", version)
        with self._noted(ROLLOUT):
            _until(lambda: self._ordered(command, is_live, version), f"an answer to {command[0]}", READY_SECONDS)
            _until(lambda: self._release.is_rolled_out, f"the end of the {command[0]}", ROLLOUT_SECONDS)

    def _ordered(self, command: tuple[str, ...], was_live: bool, version: str) -> bool:
        """Whether the release has been told; the backend in which a person types may be killed meanwhile."""
        if (version in self._release.reference) != was_live:
            return True
        try:
            self._release.service(*command)
        except (AssertionError, subprocess.TimeoutExpired):
            return False
        return True

    def _ready_pod(self, component: str) -> str:
        """A pod of a component, once enough others are ready."""
        ready = _until(lambda: self._ready(component), f"{PODS} ready pods of the {component}", READY_SECONDS)
        return self._rng.choice(ready)

    def _ready(self, component: str) -> list[str]:
        """The names of a component's ready pods; empty while there are too few."""
        pods = self._release.get("pods", "--selector", f"app.kubernetes.io/component={component}")["items"]
        ready = [pod["metadata"]["name"] for pod in pods if _is_ready(pod)]
        return sorted(ready) if len(ready) >= PODS else []

    @contextmanager
    def _noted(self, what: str, refused: str = "") -> Iterator[None]:
        """Keep what happens in the context. A disruption budget may refuse it where `refused` says what it is then."""
        began = time.monotonic()
        try:
            yield
        except AssertionError as error:
            if not refused or "disruption budget" not in str(error):
                raise
            what = refused
        self.events.append(Event(what, began, time.monotonic()))


def _is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod is ready and is to stay."""
    states = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
    return "deletionTimestamp" not in pod["metadata"] and states.get("Ready") == "True"
