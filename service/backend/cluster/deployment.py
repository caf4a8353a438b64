"""The extractor's Deployment: read once a tick for all steps, changed by compare-and-swap."""

from __future__ import annotations

import threading
from collections.abc import Callable

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import ObjectChanged
from service.backend.cluster.jobs import KubeObject

CONFLICT_TRIES = 5
"""Tries of a change. The Deployment's status changes often, and each change of it is a conflict too."""


class ExtractorDeployment:
    """The Deployment as it was last seen. All methods raise ClusterError if the API server cannot be asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.RLock()
        self._seen: KubeObject = {}

    @property
    def seen(self) -> KubeObject:
        """The Deployment as the API server last sent it; it is read first if it was never seen."""
        if not self._seen:
            self.look()
        return self._seen

    def look(self) -> None:
        """Read the Deployment from the API server."""
        with self._lock:  # an older answer must not replace a newer one
            self._seen = self._cluster.deployment()

    def patch(self, seen: KubeObject, body: KubeObject) -> None:
        """Patch the Deployment. Raises ObjectChanged, without a change, if it is not as in `seen` any more."""
        with self._lock:
            self._seen = self._cluster.patch_deployment(body, seen["metadata"]["resourceVersion"])

    def change(self, act: Callable[[KubeObject], None]) -> None:
        """Call `act`, which patches the Deployment, with what was last seen; after a conflict, with what is read anew.

        Raises ObjectChanged if every try met a conflict.
        """
        with self._lock:
            seen = self.seen
            for _ in range(CONFLICT_TRIES - 1):
                try:
                    return act(seen)
                except ObjectChanged:
                    self.look()
                    seen = self.seen
            return act(seen)

    def lacks_room(self) -> bool:
        """Whether one of its pods is on no node yet. Asks the API server."""
        states = [state for pod in self.pods() for state in pod.get("status", {}).get("conditions", [])]
        return any(state["type"] == "PodScheduled" and state["status"] == "False" for state in states)

    def pods(self) -> list[KubeObject]:
        """Its pods, old and new ones. Asks the API server."""
        return self._cluster.pods_with(self.seen["spec"]["selector"]["matchLabels"])

    def scale(self, replicas: int) -> None:
        """Set the number of its pods."""
        self._cluster.scale(replicas)
        self.look()

    @property
    def replicas(self) -> int:
        """Number of pods that the Deployment wanted when it was last seen."""
        return replicas_of(self.seen)

    @property
    def is_settled(self) -> bool:
        """Whether all wanted pods are there and ready, or none is wanted and none is left."""
        return is_settled(self.seen)


def replicas_of(deployment: KubeObject) -> int:
    """Number of pods that a Deployment wants."""
    return int(deployment["spec"].get("replicas", 1))


def ready_of(deployment: KubeObject) -> int:
    """Number of a Deployment's pods that are ready, of this and of older templates; no more than it wants."""
    return min(int(deployment.get("status", {}).get("readyReplicas", 0)), replicas_of(deployment))


def is_settled(deployment: KubeObject) -> bool:
    """Whether as many pods as wanted are ready with the current template, and no pod of an older template is left."""
    status: dict[str, int] = deployment.get("status", {})
    wanted = replicas_of(deployment)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("readyReplicas", 0) >= wanted
        and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    )
