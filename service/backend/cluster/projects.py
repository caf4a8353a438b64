"""The projects of a release, kept on the extractor's Deployment, since a backend has no disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ObjectChanged
from service.backend.projects import Projects

log = logging.getLogger(__name__)

PROJECTS_ANNOTATION = "spanloop.dev/projects"
"""Annotation of the extractor's Deployment: the projects as JSON. Runs learn only from projects that are in it."""
FLUSHES_MAX = 5
"""Tries of a write, if the Deployment is changed meanwhile."""


class ClusterProjects(Projects):
    """Projects kept on the Deployment. They are written at the next tick, since /setup must answer at once."""

    def __init__(self, deployment: ExtractorDeployment, hurry: Callable[[], None] = lambda: None) -> None:
        """`hurry` begins the next tick now."""
        self._deployment = deployment
        self._hurry = hurry
        super().__init__()

    def tick(self) -> None:
        """Read what other backends have noted and forgotten, and write what this one has.

        Raises ClusterError; the next tick tries again.
        """
        with suppress(ObjectChanged):  # probably by a rollout; the next tick tries again
            self._write()

    def flush(self) -> None:
        """Write at once. Raises ClusterError, and ObjectChanged if the Deployment was changed during each try."""
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
        self._hurry()  # the tick writes: /setup must answer at once

    def _save_unreadable(self, content: str) -> None:
        log.error("the annotation %s is replaced; it was: %.2000s", PROJECTS_ANNOTATION, content)
