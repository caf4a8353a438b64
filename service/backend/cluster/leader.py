"""One backend of several acts: whoever holds the release's Lease (as while an upgrade starts a second one)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import ClusterError, ObjectChanged, ObjectExists, ObjectMissing
from service.backend.cluster.jobs import KubeObject

log = logging.getLogger(__name__)

LEASE_SECONDS = 15
"""A Lease that was not renewed for so long is free."""
LEADS_SECONDS = 10
"""So long after a renewal its holder still acts: well before another may take the Lease."""
RENEW_SECONDS = 4.0
"""Seconds between two renewals: one that fails is tried again before its holder stops to act."""


class Leader:
    """Holds a Lease, or waits for it. The clocks of two backends are never compared, as in Kubernetes' own election:
    a Lease is free when it has not changed for its duration as this process sees time pass."""

    def __init__(
        self, cluster: Cluster, lease: str, identity: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster = cluster
        self._lease = lease
        self._identity = identity
        self._clock = clock
        self._seen = ("", 0.0)
        """The other holder's last renewal, and when it was first seen here."""
        self._leads = False
        self._renewed = 0.0
        self._held: KubeObject | None = None
        """The Lease as this backend wrote it last; None where another may have written it since."""

    def tick(self) -> None:
        """Renew or take the Lease. Raises ClusterError where that cannot be known; then this backend does not lead."""
        led, leads = self._leads, False
        began = self._clock()
        held, self._held = self._held, None
        try:
            self._held = self._renew(held) if held else self._take()
            leads = self._held is not None
            self._renewed = began
        except (ObjectChanged, ObjectExists):
            log.info("another backend was quicker to take the Lease")
        finally:
            self._leads = leads
        if self._leads != led:
            log.info("this backend %s", "leads" if self._leads else "waits for another that leads")

    def leads(self) -> bool:
        """Whether this backend leads, now."""
        return self._leads and self._clock() - self._renewed < LEADS_SECONDS

    def only(self, act: Callable[[], None]) -> Callable[[], None]:
        """An act that does nothing where this backend does not lead."""

        def led() -> None:
            if self.leads():
                act()

        return led

    def release(self) -> None:
        """Let the Lease go, so that a successor need not wait for it."""
        if not self._leads:
            return
        self._leads = False
        try:
            lease = self._cluster.lease(self._lease)
            self._cluster.replace_lease(self._manifest(lease["metadata"], holder=""))
        except ClusterError as error:
            log.warning("the Lease runs out by itself: %s", error)

    def _take(self) -> KubeObject | None:
        """The Lease, if it is free or this backend's; None while another backend holds it."""
        try:
            lease = self._cluster.lease(self._lease)
        except ObjectMissing:
            return self._cluster.create_lease(self._manifest({"name": self._lease}))
        spec = lease.get("spec", {})
        if spec.get("holderIdentity") not in ("", None, self._identity) and not self._is_stale(spec):
            return None
        return self._renew(lease)

    def _renew(self, lease: KubeObject) -> KubeObject:
        """Write the Lease anew, if nobody has since it was read."""
        return self._cluster.replace_lease(self._manifest(lease["metadata"]))

    def _is_stale(self, spec: KubeObject) -> bool:
        renewed = str(spec.get("renewTime", ""))
        if renewed != self._seen[0]:
            self._seen = (renewed, self._clock())
        return bool(self._clock() - self._seen[1] > spec.get("leaseDurationSeconds", LEASE_SECONDS))

    def _manifest(self, metadata: KubeObject, holder: str | None = None) -> KubeObject:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity if holder is None else holder,
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
