"""The versions of one release as a person changes them by hand: list, promote, roll back, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from service.versions.history import INITIAL
from service.versions.lineage import Lineage

BY_HAND = "Promoted by hand."


class ChangeRefused(RuntimeError):
    """The change makes no sense at present; nothing was done. The message says why."""


class VersionLine(Protocol):
    """The versions of one release, and which is live."""

    def versions(self) -> Sequence[Lineage]:
        """The published versions, the newest first."""
        ...

    def get(self, version: str) -> Lineage:
        """A version's lineage. Raises UnknownVersion."""
        ...

    def live(self) -> str:
        """The live version's name; empty for the initial model."""
        ...

    def promote(self, version: str, why: str = BY_HAND, champion: str | None = None) -> None:
        """Make a version live, regardless of its verdict. `why` stays in the history. With `champion`, only if that
        version is still live.

        Raises UnknownVersion, Conflict or ChangeRefused.
        """
        ...

    def rollback(self) -> str:
        """Make the version before the live one live again. Returns its name, empty for the initial model.

        Raises Conflict, and ChangeRefused if there is no such version.
        """
        ...

    def give_up(self, version: str, why: str) -> str:
        """Make the version before `version` live again, if `version` is live. Returns its name as `rollback` does.

        `why` is kept in the history. Raises Conflict if another version is live, and ChangeRefused if there is none
        before it.
        """
        ...

    def prune(self, keep: int) -> list[str]:
        """Delete all but the `keep` newest versions, the live one and the one before it. Returns the deleted names."""
        ...


def not_live_already(version: str, live: str) -> None:
    """Raises ChangeRefused if the version is live."""
    if live == version:
        raise ChangeRefused(f"{version} is live already.")


def not_initial(live: str) -> None:
    """Raises ChangeRefused if the initial model is live."""
    if live == INITIAL:
        raise ChangeRefused("The initial model is live; there is nothing before it.")


def forced(lineage: Lineage) -> str:
    """Why a version serves that a person makes live in spite of its verdict, for the history."""
    return f"Promoted by hand with --force, although its verdict is {lineage.decision}."


def not_against_verdict(lineage: Lineage) -> None:
    """Raises ChangeRefused if the version's verdict is against it."""
    if not lineage.better:
        raise ChangeRefused(
            f"The verdict on {lineage.version} is {lineage.decision}: {lineage.reason} Nothing was changed. "
            f"`spanloop promote --force {lineage.version}` makes it live nevertheless."
        )
