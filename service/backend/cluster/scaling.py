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

    def tick(self) -> None:
        """Scale if it is time to. Raises ClusterError."""
        wanted, self._wanted = self._wanted, False
        idle = bool(self._idle_seconds) and self._clock() - self._asked > self._idle_seconds
        if not wanted and not idle:
            return
        replicas = self._cluster.deployment()["spec"].get("replicas", 1)
        if wanted and replicas == 0:
            log.info("the extractor is woken")
            self._cluster.scale(1)
        elif idle and not wanted and replicas > 0 and self._rollout.is_over:
            log.info("the extractor was not asked for %.0f s and rests", self._idle_seconds)
            self._cluster.scale(0)
