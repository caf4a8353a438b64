"""The version that a pre-labelling writes, and whether it still answers for the project."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.prelabel.batches import Batches, Source

LOOK_SECONDS = 30.0
"""The project's label config is read anew so often, since a change of it may change the version."""


class VersionChanged(Exception):
    """Another version answers now; the message names it."""


class Live:
    """The version that answers for a project. Every method raises LabelStudioError and BackendError."""

    def __init__(self, source: Source, project: int, read_config: Callable[[], str]) -> None:
        """`read_config` reads the project's label config."""
        self._source = source
        self._project = project
        self._read_config = read_config
        self.config = read_config()
        """The label config, as it was last read."""
        self.version = source.version(project, self.config)
        """The version that answered for it at first, as Label Studio sees it."""
        self._looked = time.monotonic()

    def look(self, batches: Batches) -> None:
        """`compare` if the label config was read LOOK_SECONDS ago."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self.compare(batches)

    def compare(self, batches: Batches) -> None:
        """Read the label config anew, and give it to the batches.

        Raises VersionChanged if another version answers for it.
        """
        config = self._read_config()
        if config != self.config:
            named = self._source.version(self._project, config)
            if named != self.version:
                raise VersionChanged(self.ended_by(named, f"The label config of project {self._project} has changed. "))
            self.config = batches.label_config = config
        self._looked = time.monotonic()

    def ended_by(self, other: str, why: str = "") -> str:
        """What is to be said when another version answers."""
        return (
            f"{why}Version {other} answers now. The predictions of {self.version} that were made before are written. "
            "Run this again: it predicts the tasks that have none of the new version."
        )
