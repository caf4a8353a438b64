"""The projects of a release, kept where a backend without a disk finds them again."""

from __future__ import annotations

from contextlib import suppress

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.errors import ObjectChanged
from service.backend.projects import Projects

PROJECTS_ANNOTATION = "spanloop.dev/projects"
"""Annotation of the extractor's Deployment: the projects as JSON. A lost one would be lost to the next run."""
FLUSHES_MAX = 5
"""How often a write is tried whose Deployment was changed under it."""


class ClusterProjects(Projects):
    """Projects noted on the Deployment. /setup answers in milliseconds: they are written at the next look."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        super().__init__()

    def tick(self) -> None:
        """Learn of what others have seen and forgotten, and write what is news from here.

        Raises ClusterError; then it is tried again at the next look.
        """
        with suppress(ObjectChanged):  # by a rollout, most likely
            self._write()

    def flush(self) -> None:
        """Raises ClusterError, ObjectChanged where the Deployment changes all the time."""
        for _ in range(FLUSHES_MAX - 1):
            with suppress(ObjectChanged):
                return self._write()
        return self._write()

    def _write(self) -> None:
        deployment = self._cluster.deployment()
        content = self.merge(annotation(deployment, PROJECTS_ANNOTATION))
        if content is None:
            return
        body = {"metadata": {"annotations": {PROJECTS_ANNOTATION: content}}}
        self._cluster.patch_deployment(body, deployment["metadata"]["resourceVersion"])
        self.written(content)

    def _read(self) -> str:
        return annotation(self._cluster.deployment(), PROJECTS_ANNOTATION)

    def _note(self) -> None:
        """Nothing yet: /setup must answer at once."""
