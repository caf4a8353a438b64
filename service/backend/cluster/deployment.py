"""The extractor's Deployment: read once a tick for all steps, changed by compare-and-swap."""

from __future__ import annotations

import threading
from collections.abc import Callable

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import ObjectChanged
from service.backend.cluster.jobs import KubeObject

CONFLICT_TRIES = 5
"""How often a change is tried: the Deployment's status changes all the time, and that is a conflict as well."""


class ExtractorDeployment:
    """The Deployment as it was last seen. All methods raise ClusterError where the API server cannot be asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.RLock()
        self._seen: KubeObject = {}

    @property
    def seen(self) -> KubeObject:
        """What the API server last showed; it is asked where nothing was seen yet."""
        if not self._seen:
            self.look()
        return self._seen

    def look(self) -> None:
        """Ask the API server."""
        with self._lock:  # what is older must not replace what is newer
            self._seen = self._cluster.deployment()

    def patch(self, seen: KubeObject, body: KubeObject) -> None:
        """Change it, if it is still as it was seen. Raises ObjectChanged where it is not; then nothing was changed."""
        with self._lock:
            self._seen = self._cluster.patch_deployment(body, seen["metadata"]["resourceVersion"])

    def change(self, act: Callable[[KubeObject], None]) -> None:
        """Let `act` read it as it was last seen, and patch it; after a conflict `act` gets it as it is now.

        Raises ObjectChanged where every try met a conflict.
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

    def scale(self, replicas: int) -> None:
        """Set the number of its pods."""
        self._cluster.scale(replicas)
        self.look()

    @property
    def replicas(self) -> int:
        """How many pods it wanted when it was last seen."""
        return replicas_of(self.seen)

    @property
    def is_settled(self) -> bool:
        """Whether all pods that it wants are there and ready, or it wants none and none is left."""
        return is_settled(self.seen)


def replicas_of(deployment: KubeObject) -> int:
    """How many pods a Deployment wants."""
    return int(deployment["spec"].get("replicas", 1))


def is_settled(deployment: KubeObject) -> bool:
    """Whether the pods are of the current template, as many as wanted and ready, and none of an older one is left."""
    status: dict[str, int] = deployment.get("status", {})
    wanted = replicas_of(deployment)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("readyReplicas", 0) >= wanted
        and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    )
