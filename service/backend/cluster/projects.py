"""The projects of a release, kept where a backend without a disk finds them again."""

from __future__ import annotations

from contextlib import suppress

from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ObjectChanged
from service.backend.projects import Projects

PROJECTS_ANNOTATION = "spanloop.dev/projects"
"""Annotation of the extractor's Deployment: the projects as JSON. A lost one would be lost to the next run."""
FLUSHES_MAX = 5
"""How often a write is tried whose Deployment was changed under it."""


class ClusterProjects(Projects):
    """Projects noted on the Deployment. /setup answers in milliseconds: they are written at the next look."""

    def __init__(self, deployment: ExtractorDeployment) -> None:
        self._deployment = deployment
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
            self._deployment.look()
        return self._write()

    def _write(self) -> None:
        deployment = self._deployment.seen
        content = self.merge(annotation(deployment, PROJECTS_ANNOTATION))
        if content is None:
            return
        body = {"metadata": {"annotations": {PROJECTS_ANNOTATION: content}}}
        self._deployment.patch(deployment, body)
        self.written(content)

    def _read(self) -> str:
        return annotation(self._deployment.seen, PROJECTS_ANNOTATION)

    def _note(self) -> None:
        """Nothing yet: /setup must answer at once."""
