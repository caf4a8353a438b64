"""The extractor from zero to one pod and back; from one to many is the autoscaler's."""

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
"""Annotation of the Deployment: a word that changes while a backend is asked for predictions."""
NOTES_PER_IDLE_TIME = 10
"""So many times in the idle time the word is changed at most."""


class Scaling:
    """Wakes the extractor when it is asked, and lets it rest when it has not been asked for long."""

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
        self._asked = self._noted = self._told = clock()
        """When this backend was last asked, when it last said so, and when any backend was last seen to say so."""
        self._word = ""
        self._wanted = False
        self._waking = False
        """Whether the extractor was taken from zero, and no request has ended since."""

    def wake(self) -> None:
        """A request has reached no pod. Called from the event loop: the next tick starts one, and it begins now."""
        self._asked = self._clock()
        if not self._wanted:
            self._wanted = True
            self._hurry()

    def asked(self) -> None:
        """A request is on its way."""
        self._asked = self._clock()

    def ended(self, answered: bool) -> None:
        """A request was answered, or given up since no pod answered in time."""
        if self._waking:
            self._waking = False
            metrics.WAKEUPS.labels("answered" if answered else "timed_out").inc()

    def rouse(self) -> None:
        """Start a pod if a request waits for one and none is wanted. Raises ClusterError.

        Every backend does it for its own requests: a Deployment that is scaled to one twice has one pod.
        """
        if self._wanted and self._deployment.replicas == 0:
            log.info("the extractor is woken")
            self._deployment.scale(1)
            self._waking = True
        self._wanted = False

    def note(self) -> None:
        """Tell the backend that leads, which may be another, that this one was asked. Raises ClusterError."""
        if self._queued():
            self._asked = self._clock()  # a question that takes long is still being asked
        if self._idle_seconds and self._asked - self._noted > self._idle_seconds / NOTES_PER_IDLE_TIME:
            body = {"metadata": {"annotations": {ASKED_ANNOTATION: uuid4().hex}}}
            with suppress(ObjectChanged):  # it is tried again at the next tick
                self._deployment.patch(self._deployment.seen, body)
                self._noted = self._asked

    def rest(self) -> None:
        """Let the extractor go if no backend was asked for long. Raises ClusterError."""
        if not self._idle_seconds:
            return
        word = annotation(self._deployment.seen, ASKED_ANNOTATION)
        if word != self._word:
            self._word, self._told = word, self._clock()
        idle = self._clock() - max(self._asked, self._told) > self._idle_seconds
        if idle and self._rollout.is_over and self._deployment.replicas > 0:
            log.info("the extractor was not asked for %.0f s and rests", self._idle_seconds)
            self._deployment.scale(0)
            metrics.SLEEPS.inc()
