"""The verdicts that the page shows. A loop reads them, so that no view of the page waits for a registry."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from service.backend.protocols import VersionStore
from service.versions import judgement, verdict
from service.versions.store import UnknownVersion
from service.versions.verdict import Verdict

log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""Seconds until a verdict is asked for again that a registry did not give."""


class Verdicts:
    """The verdicts of some versions. One thread calls `keep`; any may call `of`."""

    def __init__(self, store: VersionStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, Verdict | None] = {}
        self._next_try = 0.0

    def of(self, version: str) -> Verdict | None:
        """A version's verdict; None if it has none that can be read, or it was not read yet."""
        return self._known.get(version)

    def keep(self, versions: Iterable[str]) -> None:
        """Know the verdicts of these versions, and of no others. Raises what the store raises, but for versions without
        a verdict; then the next try is RETRY_SECONDS later."""
        wanted = dict.fromkeys(versions)
        self._known = {version: found for version, found in self._known.items() if version in wanted}
        missing = [version for version in wanted if version not in self._known]
        if not missing or self._clock() < self._next_try:
            return
        self._next_try = self._clock() + RETRY_SECONDS
        for version in missing:
            self._known = {**self._known, version: self._read(version)}
        self._next_try = 0.0

    def _read(self, version: str) -> Verdict | None:
        try:
            return verdict.read(self._store.document(version, judgement.FILE))
        except UnknownVersion:
            return None  # it is no version, or was published before verdicts had a file, or its weights have the file
        except ValueError as error:
            log.warning("the page does not show the verdict of %s: %s", version, error)
            return None
