"""Which version is live on one machine: a small file that everybody reads and that is changed by compare-and-swap."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from service.files import replace_text

INITIAL = ""
"""The live version before anything was promoted: the base model of the settings."""


class Change(BaseModel):
    """One change of the live version."""

    model_config = ConfigDict(frozen=True)

    version: str
    at: datetime
    why: str


class Live(BaseModel):
    """The live version, what it replaced, and how it came to be."""

    model_config = ConfigDict(frozen=True)

    history: tuple[Change, ...] = ()
    """Oldest first; the last is live."""

    @property
    def version(self) -> str:
        return self.history[-1].version if self.history else INITIAL

    @property
    def previous(self) -> str:
        """The version before the live one; the initial model where there was none."""
        return self.history[-2].version if len(self.history) > 1 else INITIAL


class Conflict(RuntimeError):
    """The live version is not the one that was expected; nothing was changed."""


class LiveFile:
    """The file that holds the live version."""

    CHANGES_KEPT = 50

    def __init__(self, home: Path) -> None:
        self.path = home / "live.json"
        self._lock = home / "live.lock"

    def read(self) -> Live:
        if not self.path.exists():
            return Live()
        return Live.model_validate_json(self.path.read_text(encoding="utf-8"))

    def swap(self, expected: str, version: str, why: str) -> Live:
        """Make `version` live if `expected` still is. Raises Conflict otherwise."""
        with self._locked():
            live = self.read()
            if live.version != expected:
                found, wanted = live.version or "the initial model", expected or "the initial model"
                raise Conflict(
                    f"The live version is {found}, not {wanted}: it was changed meanwhile. Nothing was done."
                )
            change = Change(version=version, at=datetime.now(UTC), why=why)
            return self._write(Live(history=(*live.history, change)[-self.CHANGES_KEPT :]))

    def undo(self, version: str, why: str) -> Live:
        """Take `version` back if it is live, to the one before it. `why` says what was wrong."""
        with self._locked():
            live = self.read()
            if live.version != version:
                return live
            # What was undone leaves the history: the version before what is live now is the one before that.
            change = Change(version=live.previous, at=datetime.now(UTC), why=why)
            return self._write(Live(history=(*live.history[:-2], change)))

    def _write(self, live: Live) -> Live:
        replace_text(self.path, live.model_dump_json(indent=1))
        return live

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
