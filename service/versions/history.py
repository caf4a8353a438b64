"""The history of the live version, and the file that holds it on one machine.

On a cluster an annotation of the extractor's Deployment holds it: `service/backend/cluster/rollout.py`.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, computed_field

from service.files import replace_text
from service.versions.names import version_of

log = logging.getLogger(__name__)

INITIAL = ""
"""The reference of the initial model, the base model of the settings: it is live until a version is promoted."""


class Conflict(RuntimeError):
    """The live version is not the one that was expected; nothing was changed."""


class Change(BaseModel):
    """One change of the live version."""

    model_config = ConfigDict(frozen=True)

    reference: str = Field(validation_alias=AliasChoices("reference", "version"))
    """The version's name on one machine, `repository:VERSION@sha256:…` on a cluster."""
    at: datetime
    why: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def version(self) -> str:
        """The version's name. It is stored as well: an older Spanloop reads only the name from a machine's file."""
        return version_of(self.reference)


class History(BaseModel):
    """The changes of the live version, and the versions that were given up.

    As JSON: `{"history": [{"reference", "version", "at", "why"}], "given_up": [reference]}`.
    """

    model_config = ConfigDict(frozen=True)

    CHANGES_KEPT: ClassVar[int] = 50
    """The newest changes that are kept, and the newest references that were given up."""

    changes: tuple[Change, ...] = Field(
        default=(), validation_alias=AliasChoices("history", "changes"), serialization_alias="history"
    )
    """Oldest first; the last is live. Giving a version up removes its change; an older change to the same version
    stays."""
    given_up: tuple[str, ...] = ()
    """References that were taken back or rolled back and not made live since. No run makes them live again."""

    @property
    def live(self) -> str:
        """The live version's reference; empty for the initial model."""
        return self.changes[-1].reference if self.changes else INITIAL

    @property
    def previous(self) -> str:
        """The reference that a rollback makes live; the initial model if there was none before the live one."""
        return self.changes[-2].reference if len(self.changes) > 1 else INITIAL

    @property
    def why(self) -> str:
        """Why the live version is live; empty if it never changed."""
        return self.changes[-1].why if self.changes else ""

    @property
    def in_use(self) -> frozenset[str]:
        """The references that must not be deleted: the live one, and the one before it."""
        return frozenset({self.live, self.previous} - {INITIAL})

    def as_json(self, indent: int | None = None) -> str:
        """The stored form, which `model_validate_json` reads."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=indent)

    def swapped(self, reference: str, why: str, at: datetime) -> Self:
        """The history with `reference` as the live version."""
        changes = (*self.changes, Change(reference=reference, at=at, why=why))
        given_up = tuple(other for other in self.given_up if other != reference)
        return self.model_copy(update={"changes": changes[-self.CHANGES_KEPT :], "given_up": given_up})

    def back(self, why: str, at: datetime) -> Self:
        """The history after the live version was given up for the one before it.

        One new change replaces the changes of both, so `previous` is again what came before the restored version.
        """
        return self._cut(len(self.changes) - 2).swapped(self.previous, why, at)

    def undone(self, good: str, why: str, at: datetime) -> Self:
        """The history after the live version was given up for `good`, the last that worked.

        The changes after the last one to `good` are removed.
        """
        places = [place for place, change in enumerate(self.changes) if change.reference == good]
        return self._cut(places[-1] if places else 0).swapped(good, why, at)

    def _cut(self, place: int) -> Self:
        """The changes before `place`, with the live version among those that were given up."""
        given_up = (*self.given_up, self.live)[-self.CHANGES_KEPT :]
        return self.model_copy(update={"changes": self.changes[: max(place, 0)], "given_up": given_up})


def check_unchanged(expected: str, found: str) -> None:
    """Raises Conflict if the live version, `found`, is not `expected`, on which the caller decided."""
    if found != expected:
        raise Conflict(
            f"The live version is {version_of(found) or 'the initial model'}, not "
            f"{version_of(expected) or 'the initial model'}: it was changed meanwhile. Nothing was done."
        )


class LiveFile:
    """The history of one machine, in a small file that is changed under a lock by compare-and-swap.

    A copy lies beside it. If a disk or a person damages the file, the copy counts, and the next change writes both.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "live.json"
        self._copy = home / "live.json.copy"
        self._lock = home / "live.lock"
        self._told = ""
        """Why the file could not be read: told once."""

    def read(self) -> History:
        """The history; empty if nothing was ever promoted, or both the file and its copy are damaged.

        Raises OSError if the disk cannot be read at present.
        """
        if not self.path.exists():
            return History()
        try:
            return _history_in(self.path)
        except ValueError as error:
            return self._rescued(str(error))

    def _rescued(self, why: str) -> History:
        try:
            history, source = _history_in(self._copy), f"its copy {self._copy.name} counts"
        except (FileNotFoundError, ValueError):
            history, source = History(), "no copy can be read either, so the base model is live"
        if why != self._told:
            log.error("%s cannot be read, and %s: %s", self.path, source, why)
            self._told = why
        return history

    def swap(self, expected: str, version: str, why: str) -> History:
        """Make `version` live if `expected` is still live. Raises Conflict otherwise."""
        return self._change(expected, lambda history: history.swapped(version, why, datetime.now(UTC)))

    def back(self, expected: str, why: str) -> History:
        """Give `expected` up for the version before it if `expected` is still live. Raises Conflict otherwise."""
        return self._change(expected, lambda history: history.back(why, datetime.now(UTC)))

    def _change(self, expected: str, change: Callable[[History], History]) -> History:
        with self._locked():
            history = self.read()
            check_unchanged(expected, history.live)
            changed = change(history)
            if self._told:
                shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.unreadable"))
                self._told = ""
            for path in (self.path, self._copy):
                replace_text(path, changed.as_json(indent=1))
            return changed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _history_in(path: Path) -> History:
    return History.model_validate_json(path.read_text(encoding="utf-8"))
