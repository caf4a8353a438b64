"""The shelf: from it a run takes the champion, and on it the run puts its new version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from service.versions.history import INITIAL, LiveFile
from service.versions.lineage import Lineage
from service.versions.signature import Sign, unsigned
from service.versions.store import BentoStore
from service.versions.trust import Check, unchecked


class Shelf(Protocol):
    """The published versions, one of which may be live."""

    def require(self) -> None:
        """Check at a run's start what it needs at its end: a place to publish to, and a live version to be trusted.

        Raises what `fetch` raises, and what says why nothing could be published; changes nothing.
        """
        ...

    def with_digest(self, digest: str) -> Lineage | None:
        """The lineage of the version with this digest; None if there is none."""
        ...

    def versions(self) -> list[Lineage]:
        """The lineages of all published versions that can be read, the newest first."""
        ...

    def champion(self) -> str:
        """The live version, or its reference in a registry; empty for the initial model."""
        ...

    def was_taken_back(self, version: str) -> bool:
        """Whether a version was rolled back, or its rollout was undone."""
        ...

    def fetch(self, champion: str) -> Path:
        """The directory of a version's model, by its version or reference.

        Raises UnknownVersion, and SignatureRefused if it is not to be trusted.
        """
        ...

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        """Publish a new version. It becomes visible only when it is complete, and signed if the run has a key."""
        ...

    def reference(self, version: str) -> str:
        """A version's reference in its registry; empty without a registry."""
        ...

    def hand_over(self, champion: str, version: str, why: str) -> bool:
        """Make a version live that is better than the champion, or leave its rollout to the backend.

        Returns whether the version is live already. Raises Conflict if the champion is no longer live.
        """
        ...


class LocalShelf:
    """The shelf of one machine: BentoML's local store, and a file that names the live version."""

    def __init__(self, home: Path, sign: Sign = unsigned, check: Check = unchecked) -> None:
        """`sign` signs a new version, and `check` refuses a version that is not to be trusted."""
        self._store = BentoStore(home)
        self._live = LiveFile(home)
        self._sign = sign
        self._check = check

    def require(self) -> None:
        """The live version must be there, and be trusted. The run checks that there is space."""
        live = self.champion()
        if live != INITIAL:
            self.fetch(live)

    def with_digest(self, digest: str) -> Lineage | None:
        return self._store.with_digest(digest)

    def versions(self) -> list[Lineage]:
        return self._store.versions()

    def champion(self) -> str:
        return self._live.read().live

    def was_taken_back(self, version: str) -> bool:
        return version in self._live.read().given_up

    def fetch(self, champion: str) -> Path:
        folder = self._store.fetch(champion)
        self._check(folder)
        return folder

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        self._store.publish(lineage, save_model, self._sign)

    def reference(self, version: str) -> str:
        return ""

    def hand_over(self, champion: str, version: str, why: str) -> bool:
        self._live.swap(champion, version, why)
        return True
