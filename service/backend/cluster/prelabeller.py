"""Pre-labellings on a cluster: Jobs from the chart's template, onto which the backend mirrors what pods report."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from pydantic import ValidationError

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.errors import ObjectExists, ObjectMissing
from service.backend.cluster.jobs import KubeObject, is_active, template_of, why_waiting
from service.backend.cluster.pods import report_of
from service.backend.cluster.prelabel_jobs import (
    COMPONENT,
    Shards,
    after,
    manifest,
    name_of,
    noted,
    notes,
    project_of,
    together,
)
from service.backend.cluster.settings import ClusterSettings
from service.prelabel.progress import Prelabelling

PROGRESS_PORT = 9093
"""Port of a worker's pod where it reports its state; the chart sets it for the worker."""
ASKED_AT_ONCE = 16
"""So many pods are asked at a time: one that does not answer must not delay the others."""


class Found(NamedTuple):
    """A Job, and how its pre-labelling stands."""

    job: KubeObject
    stands: Prelabelling
    shards: Shards


class JobPrelabeller:
    """Starts pre-labellings as Jobs, and knows those that anybody has started, by the labels of their Jobs.

    `refresh` asks the cluster, and all other methods answer from what it found. `mirror` writes what pods have reported
    onto their Jobs, so that it outlives the pods.
    """

    def __init__(self, cluster: Cluster, settings: ClusterSettings, version_of: Callable[[int], str]) -> None:
        """`version_of` names the version that answers for a project."""
        self._cluster = cluster
        self._settings = settings
        self._version_of = version_of
        self._known: dict[str, Found] = {}
        """The Jobs by name. The dict is replaced, never changed: several threads read it."""
        self._refreshing = threading.Lock()

    @property
    def is_at_work(self) -> bool:
        return any(is_active(found.job) for found in self._known.values())

    def all(self) -> list[Prelabelling]:
        """The newest of each project, the one that changed last first."""
        by_age = sorted((found.stands for found in self._known.values()), key=lambda one: one.started)
        newest = {one.project: one for one in by_age}
        return sorted(newest.values(), key=lambda one: one.updated, reverse=True)

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        """Whether its Job may still do something: the Job's controller replaces a worker that was killed."""
        return prelabelling.outcome is None

    def start(self, project: int, backend: str) -> None:
        """Create the Job of all tasks of a project. It does nothing while one of the project is at work.

        Raises RuntimeError where it cannot be created, ClusterError among them.
        """
        if not (self._settings.label_studio_url and self._settings.api_key):
            raise RuntimeError(
                "Label Studio's address or API key is not set; nothing was started. Set labelStudio.url and "
                "labelStudio.existingSecret in the chart."
            )
        self.refresh()
        if any(is_active(found.job) and project_of(found.job) == project for found in self._known.values()):
            return
        version = self._version_of(project)
        names = (name_of(self._cluster.release, project, version, attempt) for attempt in itertools.count(1))
        name = next(one for one in names if one not in self._known)
        with suppress(ObjectExists):  # another backend has just started it
            self._cluster.create_job(manifest(template_of(self._settings.prelabel_template), name, project, version))
        self.refresh()

    def refresh(self) -> None:
        """Ask the cluster for all Jobs, and their pods for how they stand. Raises ClusterError."""
        with self._refreshing:  # an older answer must not replace a newer one
            jobs = self._cluster.jobs(COMPONENT)
            self._known = {str(job["metadata"]["name"]): self._current(job) for job in jobs}

    def mirror(self) -> None:
        """Write how each stands onto its Job if that has changed. Raises ClusterError."""
        for name, (job, stands, shards) in self._known.items():
            wanted = notes(stands, shards)
            if any(annotation(job, key) != value for key, value in wanted.items()):
                with suppress(ObjectMissing):  # deleted meanwhile
                    self._cluster.annotate_job(name, wanted)

    def _current(self, job: KubeObject) -> Found:
        """A Job's pre-labelling in its present state. The pods of one whose end is known are not asked."""
        stood, shards = noted(job)
        if stood and stood.outcome:
            return Found(job, stood, shards)
        pods = [pod for pod in self._cluster.pods_of(job["metadata"]["name"]) if _is_of(pod, job)]
        with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
            reports = threads.map(lambda pod: _read(report_of(pod, PROGRESS_PORT)), pods)
            shards = after(shards, (report for report in reports if report))
        is_working = any(pod.get("status", {}).get("phase") == "Running" for pod in pods)
        waits = "" if is_working else why_waiting(job, pods)
        return Found(job, together(job, shards, waits), shards)


def _is_of(pod: KubeObject, job: KubeObject) -> bool:
    """Whether a pod is of this Job. Pods of a deleted Job of the same name may still be ending."""
    owners = [owner.get("uid") for owner in pod["metadata"].get("ownerReferences", [])]
    return not owners or job["metadata"].get("uid") in owners


def _read(text: str) -> Prelabelling | None:
    try:
        return Prelabelling.model_validate_json(text)
    except ValidationError:
        return None  # the termination message of a crash is a traceback: the Job's status is used instead
