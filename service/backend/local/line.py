"""What one does with versions by hand: list, promote, roll back, delete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from service.versions.history import INITIAL, LiveFile
from service.versions.lineage import Lineage
from service.versions.store import Registry


class Refused(RuntimeError):
    """What was asked makes no sense now; nothing was done. Says why."""


class Release(Protocol):
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
        """Make a version live, whatever its verdict. Raises UnknownVersion, Conflict or Refused."""
        ...

    def rollback(self) -> str:
        """Make the version before the live one live again: its name. Raises Refused where there is none."""
        ...

    def prune(self, keep: int) -> list[str]:
        """Delete all but the newest versions; the live one and the one before it stay. The deleted ones' names."""
        ...


def not_live_already(version: str, live: str) -> None:
    """Raises Refused."""
    if live == version:
        raise Refused(f"{version} is live already.")


def not_initial(live: str) -> None:
    """Raises Refused."""
    if live == INITIAL:
        raise Refused("The initial model is live; there is nothing before it.")


class LocalRelease:
    """One machine: BentoML's local store, and the file of the live version."""

    def __init__(self, home: Path) -> None:
        self._registry = Registry(home)
        self._file = LiveFile(home)

    def versions(self) -> Sequence[Lineage]:
        return self._registry.versions()

    def get(self, version: str) -> Lineage:
        return self._registry.get(version)

    def live(self) -> str:
        return self._file.read().version

    def promote(self, version: str) -> None:
        self._registry.fetch(version)
        live = self.live()
        not_live_already(version, live)
        self._file.swap(live, version, "Promoted by hand.")

    def rollback(self) -> str:
        live = self._file.read()
        not_initial(live.version)
        self._file.undo(live.version, f"Rolled back by hand from {live.version}.")
        return live.previous

    def prune(self, keep: int) -> list[str]:
        live = self._file.read()
        kept = {live.version, live.previous}
        old = [v.version for v in self._registry.versions()[keep:] if v.version not in kept]
        for version in old:
            self._registry.delete(version)
        return old
