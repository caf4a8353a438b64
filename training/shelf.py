"""Where a run finds the champion and puts its version: on one machine the local store and the file of the live one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from service.versions.history import LiveFile
from service.versions.lineage import Lineage
from service.versions.store import BentoStore


class Shelf(Protocol):
    """Published versions, and which one is live."""

    def with_digest(self, digest: str) -> Lineage | None:
        """The version that was made from exactly these annotations, base and recipe."""
        ...

    def champion(self) -> str:
        """What is live: its version, or its reference in a registry; empty for the initial model."""
        ...

    def was_taken_back(self, version: str) -> bool:
        """Whether a version was live, or was to be, and was taken back."""
        ...

    def fetch(self, champion: str) -> Path:
        """The directory of a version's model, by its version or reference. Raises UnknownVersion."""
        ...

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        """Put a new version there; it is not there until all of it is."""
        ...

    def reference(self, version: str) -> str:
        """A version's reference in its registry; empty where there is no registry."""
        ...

    def hand_over(self, champion: str, version: str, why: str) -> bool:
        """A version is better than the champion: make it live, or leave its rollout to the backend.

        Returns whether it is live by now. Raises Conflict where the champion is not live any more.
        """
        ...


class LocalShelf:
    """One machine: BentoML's local store, and the live version swapped in its file."""

    def __init__(self, home: Path) -> None:
        self._store = BentoStore(home)
        self._live = LiveFile(home)

    def with_digest(self, digest: str) -> Lineage | None:
        return self._store.with_digest(digest)

    def champion(self) -> str:
        return self._live.read().live

    def was_taken_back(self, version: str) -> bool:
        return version in self._live.read().given_up

    def fetch(self, champion: str) -> Path:
        return self._store.fetch(champion)

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        self._store.publish(lineage, save_model)

    def reference(self, version: str) -> str:
        return ""

    def hand_over(self, champion: str, version: str, why: str) -> bool:
        self._live.swap(champion, version, why)
        return True
