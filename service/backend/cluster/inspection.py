"""How a release stands in its namespace: read for `spanloop doctor`. Nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.errors import ObjectMissing
from service.backend.cluster.jobs import KubeObject
from service.backend.cluster.projects import PROJECTS_ANNOTATION
from service.backend.cluster.settings import ReleaseSettings

RECENT = timedelta(hours=1)
"""Events of so long are told."""


class Right(NamedTuple):
    """Something that an account may do."""

    verb: str
    group: str
    resource: str
    name: str = ""
    """The one object that it may be done to; empty for any."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f' {self.name}' if self.name else ''}"

    @property
    def attributes(self) -> dict[str, str]:
        """The right as an access review asks for it."""
        resource, _, part = self.resource.partition("/")
        return {"verb": self.verb, "group": self.group, "resource": resource, "subresource": part, "name": self.name}


def rights_of(release: str, extractor: str) -> tuple[Right, ...]:
    """All that the backend's account must be allowed to, as the chart's Role has it."""
    return (
        *(Right(verb, "apps", "deployments", extractor) for verb in ("get", "patch")),
        Right("patch", "apps", "deployments/scale", extractor),
        *(Right(verb, "batch", "jobs") for verb in ("create", "delete", "list", "patch")),
        Right("list", "", "pods"),
        Right("create", "events.k8s.io", "events"),
        Right("create", "coordination.k8s.io", "leases"),
        *(Right(verb, "coordination.k8s.io", "leases", f"{release}-backend") for verb in ("get", "update")),
        Right("create", "", "configmaps"),
        *(Right(verb, "", "configmaps", f"{release}-state") for verb in ("get", "patch")),
    )


class Inspection:
    """Looks at one release, from the backend's pod or with a kubeconfig. All methods raise ClusterError."""

    def __init__(self, settings: ReleaseSettings) -> None:
        self._cluster = Cluster(settings)
        self.is_inside = "KUBERNETES_SERVICE_HOST" in os.environ
        """Whether this is a pod, and asks for itself."""

    @property
    def account(self) -> str:
        """The name of the backend's ServiceAccount."""
        return f"{self._cluster.release}-backend"

    def lacking_rights(self) -> list[Right]:
        """What the backend's account may not do, of what it must."""
        account = "" if self.is_inside else self.account
        wanted = rights_of(self._cluster.release, self._cluster.extractor)
        return [right for right in wanted if not self._cluster.may(right.attributes, account)]

    def missing_secrets(self) -> list[str]:
        """What the backend's Deployment reads of Secrets that are not there: NAME/KEY, or NAME of a whole Secret."""
        deployment = self._cluster.named("deployments", f"{self._cluster.release}-backend")
        wanted = dict.fromkeys(_secrets(deployment["spec"]["template"]["spec"]))
        return [f"{name}/{key}" if key else name for name, key in wanted if not self._has(name, key)]

    def extractors(self) -> tuple[int, int]:
        """How many of the extractor's pods are ready, and how many should be."""
        deployment = self._cluster.deployment()
        return int(deployment.get("status", {}).get("readyReplicas") or 0), int(deployment["spec"].get("replicas", 1))

    def kept_projects(self) -> str:
        """What is kept of the release's projects, for `service.backend.projects.parsed`; empty for nothing."""
        return annotation(self._cluster.deployment(), PROJECTS_ANNOTATION)

    def warnings(self, now: datetime) -> list[str]:
        """What the Events of the last hour warn of in the namespace: each object with its reason and note."""
        found = (event for event in self._cluster.warnings() if now - _time(event, now) <= RECENT)
        told = (
            f"{event['involvedObject'].get('kind')} {event['involvedObject'].get('name')}: "
            f"{event.get('reason')}: {' '.join(str(event.get('message') or '').split())}"
            for event in found
        )
        return list(dict.fromkeys(told))

    def _has(self, name: str, key: str) -> bool:
        try:
            return key in ("", *(self._cluster.named("secrets", name).get("data") or {}))
        except ObjectMissing:
            return False


def _secrets(pod: KubeObject) -> Iterator[tuple[str, str]]:
    """The names and keys of the Secrets that a pod cannot start without; an empty key for a whole Secret."""
    for reference in (*_by_containers(pod), *_by_volumes(pod)):
        if not reference.get("optional"):
            name = reference.get("secretName") or reference["name"]
            keys = [item["key"] for item in reference.get("items", [])]
            yield from ((name, key) for key in keys or [reference.get("key", "")])


def _by_containers(pod: KubeObject) -> Iterator[KubeObject]:
    """The references to Secrets by the variables of a pod's containers."""
    for container in (*pod.get("initContainers", []), *pod.get("containers", [])):
        values = (variable.get("valueFrom") or {} for variable in container.get("env", []))
        yield from (value["secretKeyRef"] for value in values if "secretKeyRef" in value)
        yield from (source["secretRef"] for source in container.get("envFrom", []) if "secretRef" in source)


def _by_volumes(pod: KubeObject) -> Iterator[KubeObject]:
    """The references to Secrets by a pod's volumes."""
    for volume in pod.get("volumes", []):
        sources = (volume, *volume.get("projected", {}).get("sources", []))
        yield from (source["secret"] for source in sources if "secret" in source)


def _time(event: KubeObject, otherwise: datetime) -> datetime:
    """When an Event was last seen."""
    of_series = (event.get("series") or {}).get("lastObservedTime")
    once = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    said = of_series or once
    return datetime.fromisoformat(said) if said else otherwise
