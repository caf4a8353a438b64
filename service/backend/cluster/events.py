"""Kubernetes Events about what becomes of runs and versions: `kubectl describe` and `kubectl get events` show them.

Each is written once, when the thing has happened: its name is a hash of what it tells, so that another backend, or this
one after a restart, writes no second one. A failed Event changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from typing import Literal

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import ClusterError, ObjectExists
from service.backend.cluster.jobs import KubeObject, cut
from service.runs.run import Outcome, Run

log = logging.getLogger(__name__)

CONTROLLER = "spanloop.dev/backend"
NAME_MAX = 253
NOTE_MAX = 1024
"""Most bytes of an Event's note (events.k8s.io/v1)."""
INSTANCE_MAX = 128

Kind = Literal["Job", "Deployment"]
VERSIONS: dict[Kind, str] = {"Job": "batch/v1", "Deployment": "apps/v1"}
RUN_REASONS: dict[Outcome, str] = {
    "promoted": "RunPromoted",
    "held": "RunHeld",
    "nothing new": "RunNothingNew",
    "failed": "RunFailed",
    "cancelled": "RunCancelled",
}


class Events:
    """Writes the Events of one release. No method raises."""

    def __init__(self, cluster: Cluster, identity: str) -> None:
        """`identity`: the name of this backend's pod."""
        self._cluster = cluster
        self._identity = identity

    def run_ended(self, job: KubeObject, run: Run) -> None:
        """A run has an outcome: its version is promoted or held, or it has failed."""
        if run.outcome:
            name = job["metadata"]["name"]
            note = f"Run {run.id}: {run.message}"
            self._write("Job", job, RUN_REASONS[run.outcome], note, f"{name} {run.outcome}", run.outcome == "failed")

    def pod_ended(self, job: KubeObject, run: Run) -> None:
        """A run's pod ended without last words."""
        note = f"A pod of run {run.id}: {run.pod_ended}."
        self._write("Job", job, "PodEnded", note, f"{job['metadata']['name']} {run.pod_ended}", True)

    def refused(self, deployment: KubeObject, run: Run) -> None:
        """No run was started."""
        note = f"No run was started ({run.why}): {run.message}"
        self._write("Deployment", deployment, "RunRefused", note, f"{run.id} {run.started}", True)

    def promoted(self, deployment: KubeObject, version: str, why: str, since: datetime | None) -> None:
        """All pods are ready with a version."""
        note = f"Version {version} answers. {why}"
        self._write("Deployment", deployment, "VersionPromoted", note, f"{version} {since}", False)

    def taken_back(self, deployment: KubeObject, why: str, since: datetime | None) -> None:
        """A version was taken back because its pods were not ready in time."""
        self._write("Deployment", deployment, "VersionTakenBack", why, f"{why} {since}", True)

    def version_refused(self, deployment: KubeObject, version: str, why: str) -> None:
        """A version was not rolled out, because it is not to be trusted."""
        self._write("Deployment", deployment, "VersionRefused", why, f"{version} {why}", True)

    def _write(self, kind: Kind, about: KubeObject, reason: str, note: str, what: str, is_warning: bool) -> None:
        """Write an Event unless it was written. `what` tells it from others about the same object."""
        metadata = about["metadata"]
        digest = hashlib.sha256(f"{metadata.get('uid', '')} {reason} {what}".encode()).hexdigest()[:16]
        manifest = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": cut(f"{metadata['name']}.{digest}", NAME_MAX), "namespace": self._cluster.namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": "Warning" if is_warning else "Normal",
            "reason": reason,
            "action": reason,
            "note": note.encode()[:NOTE_MAX].decode(errors="ignore"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._identity[:INSTANCE_MAX],
            "regarding": {
                "apiVersion": VERSIONS[kind],
                "kind": kind,
                "name": metadata["name"],
                "namespace": self._cluster.namespace,
                "uid": metadata.get("uid", ""),
            },
        }
        try:
            self._cluster.create_event(manifest)
        except ObjectExists:
            pass
        except ClusterError as error:
            log.warning("the Event %s about %s %s was not written: %s", reason, kind, metadata["name"], error)
