"""What outlives the extractor's Deployment: its live version, history and projects, in a ConfigMap.

`helm uninstall` deletes the Deployment, and with it the annotations that hold the release's state. The ConfigMap is
the backend's own object, so it stays. A release that is installed again under the same name in the same namespace
goes on from it.
"""

from __future__ import annotations

import logging

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ClusterAway, ClusterError, ObjectChanged, ObjectExists, ObjectMissing
from service.backend.cluster.jobs import KubeObject
from service.backend.cluster.projects import PROJECTS_ANNOTATION
from service.backend.cluster.rollout import ROLLOUT_ANNOTATION, VERSION_ANNOTATION, state_in
from service.versions.history import INITIAL
from service.versions.names import version_of

log = logging.getLogger(__name__)

UID, ROLLOUT, PROJECTS = "deployment", "rollout", "projects"
"""The keys of the ConfigMap's data: the Deployment that it is of, and the annotations of that Deployment."""
KEPT = {ROLLOUT: ROLLOUT_ANNOTATION, PROJECTS: PROJECTS_ANNOTATION}


def name_of(release: str) -> str:
    """The ConfigMap's name."""
    return f"{release}-state"


def uid_of(deployment: KubeObject) -> str:
    """What tells a Deployment from another one of its name."""
    return str(deployment["metadata"].get("uid", ""))


class Record:
    """The ConfigMap. All methods raise ClusterError if the API server cannot be asked."""

    def __init__(self, cluster: Cluster, deployment: ExtractorDeployment) -> None:
        self._cluster = cluster
        self._deployment = deployment
        self._name = name_of(cluster.release)
        self._written: dict[str, str] | None = None
        """What the ConfigMap holds; None before it was read."""

    def restore(self) -> None:
        """Let a new Deployment go on from what is recorded of the one before it.

        The recorded version is rolled out like any other: it is taken back if its pods do not become ready. A
        Deployment that has a history of its own is left as it is.
        """
        try:
            self._deployment.change(self._restore)
        except ObjectChanged:
            log.info("another backend restores the state, or has done so")

    def restore_at_start(self) -> None:
        """Restore, unless the backend lacks the right to read the ConfigMap: then it serves without a record.

        Raises ClusterAway.
        """
        try:
            self.restore()
        except ClusterAway:
            raise
        except ClusterError as error:
            log.error("the recorded state of the release was not looked at: %s", error)

    def tick(self) -> None:
        """Record the state of the Deployment if it has changed; restore it first if the Deployment is new."""
        if self._recorded.get(UID) != uid_of(self._deployment.seen):
            self._written = self._read()  # another backend may have led, and recorded more, since this one read it
            self.restore()
        deployment = self._deployment.seen
        state = {key: annotation(deployment, name) for key, name in KEPT.items()}
        if self._recorded.get(ROLLOUT) and not state[ROLLOUT]:
            return  # nothing takes the place of a history
        data = {UID: uid_of(deployment), **state}
        if data != self._written:
            self._write(data)
            self._written = data

    @property
    def _recorded(self) -> dict[str, str]:
        if self._written is None:
            self._written = self._read()
        return self._written

    def _restore(self, deployment: KubeObject) -> None:
        recorded = self._recorded
        is_new = recorded.get(UID) and recorded[UID] != uid_of(deployment)
        if not is_new or annotation(deployment, ROLLOUT_ANNOTATION):
            return
        state = state_in(recorded.get(ROLLOUT, "")).proven
        noted = {
            ROLLOUT_ANNOTATION: state.model_copy(update={"good": INITIAL}).as_json(),
            PROJECTS_ANNOTATION: annotation(deployment, PROJECTS_ANNOTATION) or recorded.get(PROJECTS, ""),
        }
        template = {"metadata": {"annotations": {VERSION_ANNOTATION: state.target or None}}}
        body = {"metadata": {"annotations": noted}, "spec": {"template": template}}
        self._deployment.patch(deployment, body)
        live = version_of(state.target) or "the initial model"
        log.warning("the state of an earlier installation is restored from ConfigMap %s: live is %s", self._name, live)

    def _read(self) -> dict[str, str]:
        try:
            return dict(self._cluster.config_map(self._name).get("data") or {})
        except ObjectMissing:
            return {}

    def _write(self, data: dict[str, str]) -> None:
        try:
            self._cluster.patch_config_map(self._name, data)
        except ObjectMissing:
            try:
                self._cluster.create_config_map(self._name, data)
            except ObjectExists:  # another backend was quicker
                self._cluster.patch_config_map(self._name, data)
