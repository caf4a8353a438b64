"""The extractor from zero to one pod and back; from one to many is the autoscaler's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from service.backend.cluster.api import Cluster
from service.backend.cluster.rollout import ClusterRollout

log = logging.getLogger(__name__)


class Scaling:
    """Wakes the extractor when it is asked, and lets it rest when it has not been asked for long."""

    def __init__(
        self,
        cluster: Cluster,
        rollout: ClusterRollout,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._rollout = rollout
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._asked = clock()
        self._wanted = False

    def wake(self) -> None:
        """A request has reached no pod. Called from the event loop: the next look does something about it."""
        self._wanted = True
        self._asked = self._clock()

    def asked(self) -> None:
        """A request is on its way."""
        self._asked = self._clock()

    def rouse(self) -> None:
        """Start a pod if a request waits for one: whichever backend has it, twice is once. Raises ClusterError."""
        if self._wanted and self._replicas() == 0:
            log.info("the extractor is woken")
            self._cluster.scale(1)
        self._wanted = False

    def rest(self) -> None:
        """Let the extractor go if nobody has asked for long. Raises ClusterError."""
        idle = bool(self._idle_seconds) and self._clock() - self._asked > self._idle_seconds
        if idle and self._rollout.is_over and self._replicas() > 0:
            log.info("the extractor was not asked for %.0f s and rests", self._idle_seconds)
            self._cluster.scale(0)

    def _replicas(self) -> int:
        return int(self._cluster.deployment()["spec"].get("replicas", 1))
