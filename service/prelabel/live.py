"""The version that a pre-labelling writes, and whether it still answers for the project."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.prelabel.backend import BatchFailed
from service.prelabel.batches import Batches, Item, Source
from service.prelabel.stopping import Stopping

LOOK_SECONDS = 30.0
"""The project's label config is read anew so often, since a change of it may change the version."""

ROLLOUT_SECONDS = 900.0
"""How long a rollout is waited for at most."""
RETRY_SECONDS = 5.0
STEADY = 3
"""After so many answers of the version in a row another one that has answered is taken for undone."""


class VersionChanged(Exception):
    """Another version answers now; the message names it."""


class Live:
    """The version that answers for a project. Every method raises LabelStudioError and BackendError."""

    def __init__(
        self,
        source: Source,
        project: int,
        read_config: Callable[[], str],
        stopping: Stopping,
        told: Callable[[str], None] = lambda why: None,
    ) -> None:
        """`read_config` reads the project's label config. `told` is told why it waits, and with an empty text that it
        waits no more."""
        self._stopping = stopping
        self._told = told
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
                raise VersionChanged(
                    self._ended_by(named, f"The label config of project {self._project} has changed. ")
                )
            self.config = batches.label_config = config
        self._looked = time.monotonic()

    def outlast(self, other: str, task: Item) -> None:
        """Wait until it is clear which version stays, since another one has answered. Returns if this one does.

        While pods are replaced both answer, and the backend names the old version until no pod of it is left. A process
        that ended at once would be started again for the old version. Raises VersionChanged, and Stopped.
        """
        deadline = time.monotonic() + ROLLOUT_SECONDS
        steady = 0
        while steady < STEADY:
            named = self._source.version(self._project, self.config)
            if named != self.version or time.monotonic() > deadline:
                raise VersionChanged(self._ended_by(named if named != self.version else other))
            self._told(f"version {other} answers already, though {self.version} is not replaced yet; it is asked again")
            self._stopping.rest(RETRY_SECONDS)
            steady = steady + 1 if self._answers(task) else 0
        self._told("")

    def _answers(self, task: Item) -> bool:
        """Whether a request for a task's prediction is answered by the version."""
        try:
            (item,) = self._source.predict(self._project, self.config, [task])
        except BatchFailed:
            return False
        return bool(item.get("model_version") == self.version)

    def _ended_by(self, other: str, why: str = "") -> str:
        """What is to be said when another version answers."""
        return (
            f"{why}Version {other} answers now. The predictions of {self.version} that were made before are written. "
            "Run this again: it predicts the tasks that have none of the new version."
        )
