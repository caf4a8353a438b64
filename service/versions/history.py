"""Which version is live and how it came to be, as one model, and the file that holds it on one machine.

On a cluster the same model is an annotation of a Deployment: `service/backend/cluster/rollout.py`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, computed_field

from service.files import replace_text
from service.versions.names import version_of

INITIAL = ""
"""The live version before anything was promoted: the base model of the settings."""


class Conflict(RuntimeError):
    """The live version is not the one that was expected; nothing was changed."""


class Change(BaseModel):
    """One change of the live version."""

    model_config = ConfigDict(frozen=True)

    reference: str = Field(validation_alias=AliasChoices("reference", "version"))
    """What brings the version back: its name on one machine, `repository:VERSION@sha256:…` on a cluster."""
    at: datetime
    why: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def version(self) -> str:
        """The version's name. It is stored too: an older Spanloop reads it alone from a machine's file."""
        return version_of(self.reference)


class History(BaseModel):
    """The changes of the live version, and the versions that were given up.

    As JSON: `{"history": [{"reference", "version", "at", "why"}], "given_up": [reference]}`.
    """

    model_config = ConfigDict(frozen=True)

    CHANGES_KEPT: ClassVar[int] = 50
    """So many changes are kept, the newest, and so many of the references that were given up."""

    changes: tuple[Change, ...] = Field(
        default=(), validation_alias=AliasChoices("history", "changes"), serialization_alias="history"
    )
    """Oldest first; the last is live. What was given up is not in it, unless it was live twice."""
    given_up: tuple[str, ...] = ()
    """References that were taken back or rolled back, and not made live again since: no run brings them back."""

    @property
    def live(self) -> str:
        """The live version's reference; empty for the initial model."""
        return self.changes[-1].reference if self.changes else INITIAL

    @property
    def previous(self) -> str:
        """The reference that a rollback brings back; the initial model where there was none before the live one."""
        return self.changes[-2].reference if len(self.changes) > 1 else INITIAL

    @property
    def why(self) -> str:
        """Why the live version is live; empty where nothing was ever changed."""
        return self.changes[-1].why if self.changes else ""

    @property
    def in_use(self) -> frozenset[str]:
        """The references that must stay where versions are kept: the live one, and the one before it."""
        return frozenset({self.live, self.previous} - {INITIAL})

    def as_json(self, indent: int | None = None) -> str:
        """As it is stored, which `model_validate_json` reads."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=indent)

    def swapped(self, reference: str, why: str, at: datetime) -> Self:
        """Another version is live."""
        changes = (*self.changes, Change(reference=reference, at=at, why=why))
        given_up = tuple(one for one in self.given_up if one != reference)
        return self.model_copy(update={"changes": changes[-self.CHANGES_KEPT :], "given_up": given_up})

    def back(self, why: str, at: datetime) -> Self:
        """The live version is given up for the one before it.

        Both leave the history: what is before a version that came back is what was before it the first time.
        """
        return self._left(len(self.changes) - 2).swapped(self.previous, why, at)

    def undone(self, good: str, why: str, at: datetime) -> Self:
        """The live version is given up for `good`, the last that worked; what came after that leaves the history."""
        places = [place for place, change in enumerate(self.changes) if change.reference == good]
        return self._left(places[-1] if places else 0).swapped(good, why, at)

    def _left(self, place: int) -> Self:
        """The live version is given up; of the changes remain those before `place`."""
        given_up = (*self.given_up, self.live)[-self.CHANGES_KEPT :]
        return self.model_copy(update={"changes": self.changes[: max(place, 0)], "given_up": given_up})


def check_unchanged(expected: str, found: str) -> None:
    """See that the live version is what it was when somebody decided what to do. Raises Conflict."""
    if found != expected:
        raise Conflict(
            f"The live version is {version_of(found) or 'the initial model'}, not "
            f"{version_of(expected) or 'the initial model'}: it was changed meanwhile. Nothing was done."
        )


class LiveFile:
    """The history of one machine, in a small file that everybody reads and that is changed by compare-and-swap."""

    def __init__(self, home: Path) -> None:
        self.path = home / "live.json"
        self._lock = home / "live.lock"

    def read(self) -> History:
        """The history, empty where nothing was ever promoted. Raises ValueError for a file that cannot be read."""
        if not self.path.exists():
            return History()
        return History.model_validate_json(self.path.read_text(encoding="utf-8"))

    def swap(self, expected: str, version: str, why: str) -> History:
        """Make `version` live if `expected` still is. Raises Conflict otherwise."""
        return self._change(expected, lambda history: history.swapped(version, why, datetime.now(UTC)))

    def back(self, expected: str, why: str) -> History:
        """Give `expected` up for the version before it, if it still is live. Raises Conflict otherwise."""
        return self._change(expected, lambda history: history.back(why, datetime.now(UTC)))

    def _change(self, expected: str, change: Callable[[History], History]) -> History:
        with self._locked():
            history = self.read()
            check_unchanged(expected, history.live)
            changed = change(history)
            replace_text(self.path, changed.as_json(indent=1))
            return changed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
