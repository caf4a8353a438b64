"""The published versions as the page shows them: asked of the registry now and then, not at every look."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.versions.lineage import Lineage
from service.versions.oci.bentos import Bentos

LIST_SECONDS = 30.0
"""Seconds after which the registry is asked again which versions there are."""
READ_ANEW_SECONDS = 3600.0
"""Seconds after which each is read again where none has come or gone: registries limit reads of manifests."""


class NoVersions:
    """A release without a registry: it predicts, and has nowhere to publish to."""

    def versions(self) -> list[Lineage]:
        return []


class PublishedVersions:
    """A registry's versions, remembered for a while."""

    def __init__(self, bentos: Bentos, clock: Callable[[], float] = time.monotonic) -> None:
        self._bentos = bentos
        self._clock = clock
        self._until = self._all_until = 0.0
        self._tags: list[str] = []
        self._known: list[Lineage] = []

    def versions(self) -> list[Lineage]:
        """The newest first. Raises RegistryError; it is asked again after a while."""
        if self._clock() >= self._until:
            self._until = self._clock() + LIST_SECONDS
            tags = self._bentos.tags()
            if tags != self._tags or self._clock() >= self._all_until:
                self._known = [published.lineage for published in self._bentos.versions()]
                self._tags, self._all_until = tags, self._clock() + READ_ANEW_SECONDS
        return self._known
