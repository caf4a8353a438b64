"""The line of versions of one release, as a person changes it by hand: list, promote, roll back, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from service.versions.history import INITIAL
from service.versions.lineage import Lineage


class ChangeRefused(RuntimeError):
    """What was asked makes no sense now; nothing was done. Says why."""


class VersionLine(Protocol):
    """The versions of one release, and which is live."""

    def versions(self) -> Sequence[Lineage]:
        """The newest first."""
        ...

    def get(self, version: str) -> Lineage:
        """Raises UnknownVersion."""
        ...

    def live(self) -> str:
        """The live version's name; empty for the initial model."""
        ...

    def promote(self, version: str) -> None:
        """Make a version live, whatever its verdict. Raises UnknownVersion, Conflict or ChangeRefused."""
        ...

    def rollback(self) -> str:
        """Make the version before the live one live again: its name. Raises ChangeRefused where there is none."""
        ...

    def prune(self, keep: int) -> list[str]:
        """Delete all but the newest versions; the live one and the one before it stay. The deleted ones' names."""
        ...


def not_live_already(version: str, live: str) -> None:
    """Raises ChangeRefused."""
    if live == version:
        raise ChangeRefused(f"{version} is live already.")


def not_initial(live: str) -> None:
    """Raises ChangeRefused."""
    if live == INITIAL:
        raise ChangeRefused("The initial model is live; there is nothing before it.")
