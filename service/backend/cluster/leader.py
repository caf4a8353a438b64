"""The leader among the backends of a release holds its Lease. During an upgrade, for instance, two backends run."""

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
"""Seconds without a renewal after which a Lease is free."""
LEADS_SECONDS = 10
"""Seconds after a renewal during which its holder leads. It stops well before another backend may take the Lease."""
RENEW_SECONDS = 4.0
"""Seconds between two renewals: after a failed one the holder tries again before it stops leading."""


class Leader:
    """Holds a Lease, or waits for it.

    The clocks of two backends are never compared, as in Kubernetes' own leader election: a Lease is free if this
    process, by its own clock, has seen no change of it for its duration.
    """

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
        """The Lease as this backend last wrote it; None if another backend may have written it since."""

    def tick(self) -> None:
        """Renew or take the Lease. Raises ClusterError; a leader then leads until LEADS_SECONDS after its renewal."""
        began = self._clock()
        held, self._held = self._held, None
        try:
            self._held = self._renew(held) if held else self._take()
        except (ObjectChanged, ObjectExists):
            log.info("another backend was quicker to take the Lease")
        if self._held:
            self._renewed = began
        if self._leads != bool(self._held):
            self._leads = not self._leads
            log.info("this backend %s", "leads" if self._leads else "waits for another that leads")

    def leads(self) -> bool:
        """Whether this backend leads at present."""
        return self._leads and self._clock() - self._renewed < LEADS_SECONDS

    def only(self, act: Callable[[], None]) -> Callable[[], None]:
        """`act`, which does nothing while this backend does not lead."""

        def act_as_leader() -> None:
            if self.leads():
                act()

        return act_as_leader

    def release(self) -> None:
        """Release the Lease, so that the next leader need not wait until it expires."""
        held, self._held, self._leads = self._held, None, False
        if not held:
            return
        try:
            self._cluster.replace_lease(self._manifest(held["metadata"], holder=""))
        except ClusterError as error:
            log.warning("the Lease could not be released and expires by itself: %s", error)

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
        """Write the Lease anew. Raises ObjectChanged if another backend has written it since it was read."""
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
