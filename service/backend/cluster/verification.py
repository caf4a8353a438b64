"""Verifies a version in the registry before pods are to serve it: a refused version costs nobody a pod.

What describes a version and its signature are small, so the weights are not fetched. The pods verify these.
"""

from __future__ import annotations

import logging

from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ClusterError
from service.backend.cluster.events import Events
from service.errors import Cause
from service.metrics import failures
from service.versions.oci.bentos import Bentos
from service.versions.reference import Reference
from service.versions.signature import SignatureRefused
from service.versions.trust import Trust

log = logging.getLogger(__name__)


class Verification:
    """Verifies versions, and tells which were refused: in the log, the metrics and an Event."""

    def __init__(self, trust: Trust, deployment: ExtractorDeployment, events: Events) -> None:
        self._trust = trust
        self._deployment = deployment
        self._events = events

    def check(self, registry: Bentos, reference: Reference) -> None:
        """Raises SignatureRefused if a version may not serve, and what the registry raises."""
        if self._trust.is_off:
            return
        try:
            registry.inspect(reference, self._trust.check_description)
        except SignatureRefused as refused:
            failures.count(Cause.SIGNATURE)
            log.error("%s", refused)
            self._tell(reference.version, refused)
            raise

    def _tell(self, version: str, refused: SignatureRefused) -> None:
        """Write an Event. An API server that is away is told in the log: the version is refused all the same."""
        try:
            self._events.version_refused(self._deployment.seen, version, str(refused))
        except ClusterError as error:
            log.warning("no Event tells that version %s was refused: %s", version, error)
