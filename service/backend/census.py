"""Which projects still use this release: Label Studio is asked now and then, and before a run starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from service.backend.projects import Project, Projects, now
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone

log = logging.getLogger(__name__)

CHECK_SECONDS = 600.0
"""Seconds between two looks at which projects there are."""
SEEN_LAST = timedelta(days=7)
"""Without an API key a project is known for so long after Label Studio last called for it."""

DEFAULT_PORTS = (":80", ":443")
"""Ports that a URL or a Host header may name or leave out."""


class Census:
    """Forgets the projects that are gone, have no model any more, or use another one.

    A backend does not know the address by which Label Studio reaches it: a Service, an ingress or a tunnel may stand
    before it. It recognizes itself in a project's list of models by either of two signs, so that neither a proxy nor a
    second backend of the release leads it astray:

    - Label Studio calls /setup of each model before it answers the list (observed with 1.23.2; the titles and versions
      in the list are what people typed and models said). A call for the project that came since the list was asked for
      came to this very backend, whatever stands between. Of several backends of a release another may have got it.
    - Each /setup names in its Host header the host and port of the URL that Label Studio has for the model, unless a
      proxy writes another. The last one is kept with the project, for all backends of the release. Two releases behind
      one host, told apart by path, are not told apart by this.

    Where no Host was ever kept, one model is as good as another, and the project stays.
    """

    def __init__(
        self, projects: Projects, label_studio: LabelStudio, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._projects = projects
        self._label_studio = label_studio
        self._clock = clock
        self._taken = clock()
        """When it was last taken. A backend that has just started waits: Label Studio may not reach it yet."""

    def tick(self) -> None:
        """Take it once in CHECK_SECONDS."""
        if self._clock() - self._taken >= CHECK_SECONDS:
            self.take()

    def take(self) -> None:
        """Ask for each known project, and forget those that do not use this release.

        A Label Studio that cannot be asked is logged, and forgets nothing. A call of Label Studio for a project that
        comes after the question counts more than its answer.
        """
        self._taken = self._clock()
        if not self._label_studio.is_set:
            self._forget_unseen()
            return
        for project in self._projects.all:
            asked = now()
            try:
                models = self._label_studio.models(project.id)
            except ProjectGone:
                self._projects.forget(project.id, "Label Studio has no such project (any more)", asked)
            except LabelStudioError as error:
                log.warning("whether projects still use this release is not known, and all stay: %s", error)
                return
            else:
                why = _why_forget(project, models)
                if why:
                    self._projects.forget(project.id, why, asked)

    def _forget_unseen(self) -> None:
        asked = now()
        why = f"Label Studio has not called for it in {SEEN_LAST.days} days, and no API key is set to ask it with"
        for project in self._projects.all:
            if asked - project.seen > SEEN_LAST:
                self._projects.forget(project.id, why, asked)


def _why_forget(project: Project, models: Sequence[str]) -> str:
    """Why a project with these models does not use this release; empty where it does, or may."""
    hosts = [_host(urlsplit(url).netloc.rpartition("@")[2]) for url in models]
    if not hosts:
        return "it has no model connected"
    if project.host and _host(project.host) not in hosts:
        return f"it uses another model, at {', '.join(hosts)}"
    return ""


def _host(netloc: str) -> str:
    """A host and port in one spelling."""
    return next((netloc.removesuffix(port) for port in DEFAULT_PORTS if netloc.endswith(port)), netloc).lower()
