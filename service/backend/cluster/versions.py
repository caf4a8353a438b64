"""The published versions as the page shows them: asked of the registry now and then, not at every look."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.lineage import Lineage
from service.oci.bentos import Bentos

EVERY = 30.0
"""Seconds for which an answer of the registry is good enough."""


class NoVersions:
    """A release without a registry: it predicts, and has nowhere to publish to."""

    def versions(self) -> list[Lineage]:
        return []


class PublishedVersions:
    """A registry's versions, remembered for a while."""

    def __init__(self, bentos: Bentos, clock: Callable[[], float] = time.monotonic) -> None:
        self._bentos = bentos
        self._clock = clock
        self._until = 0.0
        self._known: list[Lineage] = []

    def versions(self) -> list[Lineage]:
        """The newest first. Raises RegistryError; it is asked again after a while."""
        if self._clock() >= self._until:
            self._until = self._clock() + EVERY
            self._known = [published.lineage for published in self._bentos.versions()]
        return self._known
