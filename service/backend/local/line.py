"""The line of versions on one machine: BentoML's local store, and the file of the live version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.backend.line import not_initial, not_live_already
from service.versions.history import LiveFile
from service.versions.lineage import Lineage
from service.versions.store import BentoStore


class LocalLine:
    """A VersionLine in a home directory. A running backend loads what is set here."""

    def __init__(self, home: Path) -> None:
        self._registry = BentoStore(home)
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
