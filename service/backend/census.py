"""Which projects still use this release: the backend asks Label Studio every ten minutes and before a run starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from service.backend.projects import Project, Projects, host_of, now
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone

log = logging.getLogger(__name__)

CHECK_SECONDS = 600.0
"""Seconds between two censuses."""
SEEN_LAST = timedelta(days=7)
"""Without an API key, a project stays known for this long after Label Studio last called for it."""

TAKE_SECONDS = 20.0
"""After so long a census asks about no further project."""


class Census:
    """Forgets the projects that are gone, have no model any more, or use another one.

    A backend does not know the address at which Label Studio reaches it: a Service, an ingress or a tunnel may stand in
    front of it. The Host header of each /setup holds the host and port of the URL that Label Studio has for the model,
    unless a proxy rewrites it. So the Host tells a project's models apart only if Label Studio has once listed a model
    at it; from then on the project is recognized, and it is forgotten when no listed model is at its Host. A project
    that was never recognized stays as long as it has any model. This does not distinguish two releases behind one host
    that differ in their paths.

    Label Studio calls /setup of each model before it answers with the list (observed with 1.23.2). A call for the
    project that comes after this backend asked for the list shows that this backend is one of the models. The titles
    and versions in the list are no sign: users type the titles, and models report the versions.
    """

    def __init__(
        self, projects: Projects, label_studio: LabelStudio, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._projects = projects
        self._label_studio = label_studio
        self._clock = clock
        self._taken = clock()
        """When the census was last taken, or the backend started: Label Studio may not reach a new backend yet."""

    def tick(self) -> None:
        """Take the census if the last one is CHECK_SECONDS old."""
        if self._clock() - self._taken >= CHECK_SECONDS:
            self.take()

    def take(self) -> None:
        """Ask Label Studio about each known project, and forget those that do not use this release.

        A project stays if Label Studio cannot say how it stands, or calls for it after it was asked. After
        TAKE_SECONDS no further project is asked about: a click waits for the census.
        """
        self._taken = began = self._clock()
        if not self._label_studio.is_set:
            self._forget_unseen()
            return
        for project in self._projects.all:
            if self._clock() - began > TAKE_SECONDS:
                log.warning("Label Studio is slow to list the models of projects; the others stay as they are")
                return
            self._check(project)

    def _check(self, project: Project) -> None:
        asked = now()
        try:
            hosts = [host_of(url) for url in self._label_studio.models(project.id)]
        except ProjectGone:
            self._projects.forget(project.id, "Label Studio has no such project (any more)", asked)
        except LabelStudioError as error:
            log.warning("Label Studio cannot say whether project %d uses this release: %s", project.id, error)
        else:
            if not hosts:
                self._projects.forget(project.id, "it has no model connected", asked)
            elif host_of(f"//{project.host}") in hosts:
                self._projects.recognize(project.id)
            elif project.recognized:
                self._projects.forget(project.id, f"it uses another model, at {', '.join(hosts)}", asked)

    def _forget_unseen(self) -> None:
        asked = now()
        why = f"Label Studio has not called for it in {SEEN_LAST.days} days, and no API key is set to ask it with"
        for project in self._projects.all:
            if asked - project.seen > SEEN_LAST:
                self._projects.forget(project.id, why, asked)
