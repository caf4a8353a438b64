"""Scales the extractor from zero pods to one and back; the autoscaler scales it from one to many."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from service.backend import metrics
from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ObjectChanged
from service.backend.cluster.rollout import ClusterRollout

log = logging.getLogger(__name__)

ASKED_ANNOTATION = "spanloop.dev/asked"
"""Annotation of the Deployment: a random word that a backend changes while it is asked for predictions."""
NOTES_PER_IDLE_TIME = 10
"""How often a backend changes the word in the idle time, at most."""


class Scaling:
    """Wakes the extractor for a request, and scales it to zero after the idle time without one."""

    def __init__(
        self,
        deployment: ExtractorDeployment,
        rollout: ClusterRollout,
        idle_seconds: float,
        queued: Callable[[], int] = lambda: 0,
        hurry: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployment = deployment
        self._rollout = rollout
        self._idle_seconds = idle_seconds
        self._queued = queued
        self._hurry = hurry
        self._clock = clock
        self._asked = self._noted = self._seen = clock()
        """When this backend was last asked, when it last changed the word, and when it last saw another word."""
        self._word = ""
        self._wanted = False
        self._waking = False
        """Whether the extractor was taken from zero, and no request has ended since."""

    def wake(self) -> None:
        """Note that a request reached no pod, and hurry the tick that starts one. The event loop calls this."""
        self._asked = self._clock()
        if not self._wanted:
            self._wanted = True
            if self._deployment.replicas == 0:
                self._hurry()

    def asked(self) -> None:
        """Note that a request begins or ends."""
        self._asked = self._clock()

    def ended(self, answered: bool) -> None:
        """Note that a request was answered, or given up because no pod answered in time."""
        if self._waking:
            self._waking = False
            metrics.WAKEUPS.labels("answered" if answered else "timed_out").inc()

    def rouse(self) -> None:
        """Scale from zero to one pod if a request waits for one. Raises ClusterError.

        Every backend does this for its own requests: a Deployment that is scaled to one twice has one pod.
        """
        if self._wanted and self._deployment.replicas == 0:
            log.info("the extractor is woken")
            self._deployment.scale(1)
            self._waking = True
        self._wanted = False

    def note(self) -> None:
        """Change the word if this backend was asked, for the leading backend to see. Raises ClusterError."""
        if self._queued():
            self._asked = self._clock()  # a long request counts as asked until it ends
        if self._idle_seconds and self._asked - self._noted > self._idle_seconds / NOTES_PER_IDLE_TIME:
            body = {"metadata": {"annotations": {ASKED_ANNOTATION: uuid4().hex}}}
            with suppress(ObjectChanged):  # it is tried again at the next tick
                self._deployment.patch(self._deployment.seen, body)
                self._noted = self._asked

    def rest(self) -> None:
        """Scale to zero if no backend was asked during the idle time. Raises ClusterError."""
        if not self._idle_seconds:
            return
        word = annotation(self._deployment.seen, ASKED_ANNOTATION)
        if word != self._word:
            self._word, self._seen = word, self._clock()
        idle = self._clock() - max(self._asked, self._seen) > self._idle_seconds
        if idle and self._rollout.is_over and self._deployment.replicas > 0:
            log.info("the extractor was not asked for %.0f s and rests", self._idle_seconds)
            self._deployment.scale(0)
            metrics.SLEEPS.inc()
