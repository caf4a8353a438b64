"""The published versions for the page: listed in the registry every 30 seconds, not at each view of the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.backend.dependencies import Dependency
from service.errors import cause_of
from service.metrics import failures
from service.versions.lineage import Lineage
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import Corrupt, RegistryError
from service.versions.store import UnknownVersion

LIST_SECONDS = 30.0
"""Seconds between two lists of the registry's tags."""
READ_ANEW_SECONDS = 3600.0
"""Seconds after which all versions are read again although no tag has changed: registries limit reads of manifests."""


class NoVersions:
    """The versions of a release without a registry: it predicts, but cannot publish."""

    def versions(self) -> list[Lineage]:
        return []

    def document(self, version: str, name: str) -> bytes:
        raise UnknownVersion("Without a registry there are no versions.")


class PublishedVersions:
    """A registry's versions, remembered for a while."""

    def __init__(self, bentos: Bentos, clock: Callable[[], float] = time.monotonic) -> None:
        self.dependency = Dependency("registry")
        self._bentos = bentos
        self._clock = clock
        self._until = self._all_until = 0.0
        self._tags: list[str] = []
        self._known: list[Lineage] = []

    def versions(self) -> list[Lineage]:
        """The published versions when the registry last told them, the newest first. A call after LIST_SECONDS asks
        again: a registry that is away is counted and noted, and what it told before stays."""
        if self._clock() >= self._until:
            self._until = self._clock() + LIST_SECONDS
            try:
                with self._noted():
                    self._list()
            except RegistryError as error:
                failures.count(cause_of(error))
        return self._known

    def _list(self) -> None:
        tags = self._bentos.tags()
        if tags != self._tags or self._clock() >= self._all_until:
            self._known = [published.lineage for published in self._bentos.versions()]
            self._tags, self._all_until = tags, self._clock() + READ_ANEW_SECONDS

    def document(self, version: str, name: str) -> bytes:
        """A file that describes a version, read from the registry. Raises UnknownVersion and RegistryError."""
        with self._noted():
            return self._bentos.document(version, name)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note whether the registry answered. A version without a document is an answer."""
        try:
            yield
        except (UnknownVersion, Corrupt):
            self.dependency.answered()
            raise
        except RegistryError as error:
            self.dependency.failed(str(error))
            raise
        self.dependency.answered()
