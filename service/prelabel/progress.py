"""Where a pre-labelling stands: a JSON file for each project and shard, which it writes and the backend reads."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from service.files import replace_text

FOLDER = "prelabel"

Outcome = Literal["done", "version changed", "stopped", "failed"]


def now() -> datetime:
    return datetime.now(UTC)


class Prelabelling(BaseModel):
    """How far a pre-labelling of one project is."""

    project: int
    version: str = ""
    """The version whose predictions are written, as Label Studio sees it."""
    view: int | None = None
    """The Data Manager's view whose tasks are predicted; None for all tasks."""
    shard: int = 0
    shards: int = 1
    """This process does the tasks of shard `shard` of so many."""
    total: int = 0
    """Tasks that had no prediction of the version when it began, those of other shards among them."""
    written: int = 0
    """Predictions that were written."""
    skipped: int = 0
    """Tasks that got a prediction of the version from elsewhere meanwhile."""
    failed: int = 0
    """Tasks that could not be predicted; `reasons` says why."""
    reasons: dict[str, int] = {}
    writing: tuple[int, int] | None = None
    """The first and last id of the tasks whose predictions are being sent to Label Studio. If the process is killed
    then, Label Studio may or may not store them."""
    in_doubt: tuple[tuple[int, int], ...] = ()
    """Such pages of processes before this one, and pages that Label Studio gave no answer for."""
    started: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)
    outcome: Outcome | None = None
    message: str = ""
    waits: str = ""
    """Why it does not go on at present; empty while it does, and after the end."""
    job: str = ""
    """On a cluster the name of its Job; empty on one machine."""

    @property
    def done(self) -> int:
        return self.written + self.skipped + self.failed

    @property
    def percent(self) -> float:
        """How much of this shard is done, roughly: shards have about as many tasks each."""
        if self.outcome == "done":
            return 100.0
        return min(99.0, 100.0 * self.done * self.shards / self.total) if self.total else 0.0


class Busy(RuntimeError):
    """Another process pre-labels the same tasks."""


class Prelabellings:
    """The pre-labellings of a home directory."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def all(self) -> list[Prelabelling]:
        """Those that can be read, the one that changed last first. One without an outcome may have been killed."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(Prelabelling.model_validate_json(path.read_text(encoding="utf-8")))
            except (ValidationError, FileNotFoundError, UnicodeDecodeError):
                continue
        return sorted(found, key=lambda one: one.updated, reverse=True)

    def last(self, project: int, shard: int, shards: int) -> Prelabelling | None:
        """How the last one of these tasks stands or ended."""
        return next(
            (one for one in self.all() if (one.project, one.shard, one.shards) == (project, shard, shards)), None
        )

    def save(self, prelabelling: Prelabelling) -> None:
        replace_text(self._path(prelabelling, "json"), prelabelling.model_dump_json(indent=1))

    def log(self, project: int) -> Path:
        """Where the output of a pre-labelling goes that the backend starts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"project-{project}.log"

    def hold(self, prelabelling: Prelabelling) -> int:
        """Hold the lock of these tasks until the process ends: a file descriptor. Raises Busy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path(prelabelling, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise Busy(
                f"Project {prelabelling.project} is being pre-labelled already; nothing was started. The status page "
                "shows how far it is."
            ) from None
        return handle

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        """Whether a process does these tasks now."""
        path = self._path(prelabelling, "lock")
        if not path.exists():
            return False
        with path.open("rb") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def _path(self, of: Prelabelling, ending: str) -> Path:
        shard = f"-{of.shard}-of-{of.shards}" if of.shards > 1 else ""
        return self.folder / f"project-{of.project}{shard}.{ending}"
