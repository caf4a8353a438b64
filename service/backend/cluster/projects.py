"""The projects of a release, kept where a backend without a disk finds them again."""

from __future__ import annotations

import threading

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.errors import Changed
from service.backend.projects import Projects

PROJECTS = "spanloop.dev/projects"
"""Annotation of the extractor's Deployment: the projects as JSON. A lost one would be lost to the next run."""


class ClusterProjects(Projects):
    """Projects noted on the Deployment. /setup answers in milliseconds: they are written at the next look."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pending = threading.Event()
        self._content = ""
        super().__init__()

    def tick(self) -> None:
        """Write what has changed. Raises ClusterError; it is tried again at the next look."""
        if not self._pending.is_set():
            return
        self._pending.clear()
        try:
            deployment = self._cluster.deployment()
            body = {"metadata": {"annotations": {PROJECTS: self._content}}}
            self._cluster.patch_deployment(body, deployment["metadata"]["resourceVersion"])
        except Changed:
            self._pending.set()  # by a rollout, most likely: written at the next look
        except Exception:
            self._pending.set()
            raise

    def _read(self) -> str:
        return annotation(self._cluster.deployment(), PROJECTS)

    def _write(self, content: str) -> None:
        self._content = content
        self._pending.set()
