"""The projects of a release, kept where a backend without a disk finds them again."""

from __future__ import annotations

from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ObjectChanged
from service.backend.projects import Projects

PROJECTS_ANNOTATION = "spanloop.dev/projects"
"""Annotation of the extractor's Deployment: the projects as JSON. A lost one would be lost to the next run."""


class ClusterProjects(Projects):
    """Projects noted on the Deployment. /setup answers in milliseconds: they are written at the next look."""

    def __init__(self, deployment: ExtractorDeployment) -> None:
        self._deployment = deployment
        super().__init__()

    def tick(self) -> None:
        """Learn of projects that other backends have seen, and write what has changed here.

        Raises ClusterError; then it is tried again at the next look.
        """
        deployment = self._deployment.seen
        content = self.merge(annotation(deployment, PROJECTS_ANNOTATION))
        if content is None:
            return
        body = {"metadata": {"annotations": {PROJECTS_ANNOTATION: content}}}
        try:
            self._deployment.patch(deployment, body)
        except ObjectChanged:
            return  # by a rollout, most likely
        self.written(content)

    def _read(self) -> str:
        return annotation(self._deployment.seen, PROJECTS_ANNOTATION)

    def _write(self, content: str) -> None:
        """Nothing yet: /setup must answer at once."""
