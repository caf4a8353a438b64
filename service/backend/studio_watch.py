"""Whether Label Studio answers, and how far its projects are annotated: looked at for the page.

Each backend looks when it starts, then now and then, and more often while somebody has the page open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from service.backend.dependencies import Dependency
from service.backend.projects import Projects
from service.labelstudio.client import LabelStudio, Overview
from service.labelstudio.errors import LabelStudioError

LOOK_SECONDS = 15.0
"""Seconds between two looks while the page is open: three light requests for a project, two for each further one."""
CLOSED_SECONDS = 60.0
"""The same while nobody has it open: an alert tells that Label Studio is away or refuses the key."""
OPEN_SECONDS = 10.0
"""The page counts as open so many seconds after it was asked for: it asks for its content every two seconds."""


class StudioWatch:
    """Looks at Label Studio. One thread calls `tick`; any may read what was found and call `opened`."""

    def __init__(
        self, projects: Projects, label_studio: LabelStudio, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.dependency = Dependency("label_studio")
        self.seen: Mapping[int, Overview] = {}
        """The known projects that Label Studio has, as they were when it last answered."""
        self.is_set = label_studio.is_set
        self.url = label_studio.public_url
        """Where people open Label Studio; empty where it is not set."""
        self._projects = projects
        self._label_studio = label_studio
        self._clock = clock
        self._opened = clock()
        self._looked: float | None = None

    def opened(self) -> None:
        """Somebody looks at the page."""
        self._opened = self._clock()

    def tick(self) -> None:
        """Look if it is time."""
        is_open = self._clock() - self._opened < OPEN_SECONDS
        if self._looked is None or self._clock() - self._looked >= (LOOK_SECONDS if is_open else CLOSED_SECONDS):
            self._looked = self._clock()
            self.look()

    def look(self) -> None:
        """Ask Label Studio how it stands."""
        try:
            self.seen = self._label_studio.overviews(self._projects.ids)
        except LabelStudioError as error:
            self.dependency.failed(str(error))
        else:
            self.dependency.answered()
