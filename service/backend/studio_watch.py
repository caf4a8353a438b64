"""Whether Label Studio answers, and how far its projects are annotated: looked at for the page.

Each backend looks when it starts, and again and again while somebody has the page open.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from service.backend.projects import Projects
from service.labelstudio.client import LabelStudio, Overview
from service.labelstudio.errors import LabelStudioError

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Seconds between two looks while the page is open: three light requests for a project, two for each further one."""
OPEN_SECONDS = 10.0
"""The page counts as open so many seconds after it was asked for: it asks for its content every two seconds."""


class Seen(NamedTuple):
    """What a look has found."""

    trouble: str = ""
    """Why Label Studio cannot be used, in words; empty where it can."""
    since: datetime | None = None
    """Since when this is so, as far as this backend knows; None before the first look."""
    projects: Mapping[int, Overview] = {}
    """The known projects that Label Studio has, as they were when it last answered."""


class StudioWatch:
    """Looks at Label Studio. One thread calls `tick`; any may read `seen` and call `opened`."""

    def __init__(
        self, projects: Projects, label_studio: LabelStudio, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seen = Seen()
        self.url = label_studio.url
        """Label Studio's address; empty where it is not set."""
        self._projects = projects
        self._label_studio = label_studio
        self._clock = clock
        self._opened = clock()
        self._next_look = clock()

    def opened(self) -> None:
        """Somebody looks at the page."""
        self._opened = self._clock()

    def tick(self) -> None:
        """Look if it is time and somebody has the page open."""
        if self._clock() >= self._next_look and self._clock() - self._opened < OPEN_SECONDS:
            self._next_look = self._clock() + LOOK_SECONDS
            self.look()

    def look(self) -> None:
        """Ask Label Studio how it stands."""
        try:
            found, trouble = self._label_studio.overviews(self._projects.ids), ""
        except LabelStudioError as error:
            found, trouble = dict(self.seen.projects), str(error)
        is_same = self.seen.since is not None and bool(trouble) == bool(self.seen.trouble)
        if not is_same and trouble:
            log.warning("the page says that Label Studio cannot be used: %s", trouble)
        self.seen = Seen(trouble, self.seen.since if is_same else datetime.now(UTC), found)
