"""The versions of one machine, changed by hand: BentoML's local store, and the file of the live version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.backend.line import BY_HAND, not_initial, not_live_already
from service.versions.history import LiveFile, check_unchanged
from service.versions.lineage import Lineage
from service.versions.reference import Reference
from service.versions.retention import retained
from service.versions.store import BentoStore


class LocalLine:
    """A VersionLine in a home directory. A running backend loads the version that is made live here."""

    def __init__(self, home: Path) -> None:
        self._store = BentoStore(home)
        self._file = LiveFile(home)

    def versions(self) -> Sequence[Lineage]:
        return self._store.versions()

    def get(self, version: str) -> Lineage:
        return self._store.get(version)

    def live(self) -> str:
        return self._file.read().live

    def promote(self, version: str, why: str = BY_HAND, champion: str | None = None) -> None:
        self._store.fetch(version)
        live = self.live()
        check_unchanged(live if champion is None else champion, live)
        not_live_already(version, live)
        self._file.swap(live, version, why)

    def rollback(self) -> str:
        live = self.live()
        return self.give_up(live, f"Rolled back by hand from {live}.")

    def give_up(self, version: str, why: str) -> str:
        not_initial(version)
        return self._file.back(version, why).live

    def prune(self, keep: int) -> list[str]:
        published = [lineage.version for lineage in self._store.versions()]
        stays = retained([Reference(version) for version in published], keep, self._file.read().in_use)
        old = [version for version in published if version not in stays]
        for version in old:
            self._store.delete(version)
        return old
