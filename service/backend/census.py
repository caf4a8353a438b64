"""Which projects still use this release: the backend asks Label Studio every ten minutes and before a run starts."""

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
"""Seconds between two censuses."""
SEEN_LAST = timedelta(days=7)
"""Without an API key, a project stays known for this long after Label Studio last called for it."""

DEFAULT_PORTS = (":80", ":443")
"""Ports that a URL or a Host header may name or leave out."""


class Census:
    """Forgets the projects that are gone, have no model any more, or use another one.

    A backend does not know the address at which Label Studio reaches it: a Service, an ingress or a tunnel may stand in
    front of it. It recognizes itself among a project's models by either of two signs, so that neither a proxy nor a
    second backend of the release misleads it:

    - Label Studio calls /setup of each model before it answers with the list (observed with 1.23.2). If a call for the
      project came after this backend asked for the list, this backend is one of the models. Another backend of the
      release may have received the call instead. The titles and versions in the list are no sign: users type the
      titles, and models report the versions.
    - The Host header of each /setup holds the host and port of the URL that Label Studio has for the model, unless a
      proxy rewrites it. The last Host is kept with the project, for all backends of the release. This sign does not
      distinguish two releases behind one host that differ in their paths.

    If no Host was ever kept, any model counts as this release, and the project stays.
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

        If Label Studio cannot be asked, that is logged and no further project is forgotten. If Label Studio calls for
        a project after it was asked about it, the project stays.
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
                log.warning("Label Studio cannot say which projects use this release, so they stay: %s", error)
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
    """Why a project with these models does not use this release; empty if it does or may use it."""
    hosts = [_host(urlsplit(url).netloc.rpartition("@")[2]) for url in models]
    if not hosts:
        return "it has no model connected"
    if project.host and _host(project.host) not in hosts:
        return f"it uses another model, at {', '.join(hosts)}"
    return ""


def _host(netloc: str) -> str:
    """A host and port in small letters, without a default port."""
    return next((netloc.removesuffix(port) for port in DEFAULT_PORTS if netloc.endswith(port)), netloc).lower()
