"""The programs that a backend needs: whether each answered when it was last asked, and since when that is so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

log = logging.getLogger(__name__)

Name = Literal["label_studio", "registry", "api_server"]

TOLD: dict[Name, str] = {"label_studio": "Label Studio", "registry": "Registry", "api_server": "API server"}
"""The names as people read them."""


class State(NamedTuple):
    """How a dependency stood when it was last asked."""

    trouble: str = ""
    """Why it cannot be used, in words; empty where it can."""
    since: datetime | None = None
    """Since when this is so, as far as this backend knows; None before it was first asked."""

    @property
    def is_up(self) -> bool:
        """Whether it answered."""
        return self.since is not None and not self.trouble


class Dependency:
    """One program that a backend needs. Who asks it notes what came of it; any thread may note and read."""

    def __init__(self, name: Name) -> None:
        self.name = name
        self.state = State()
        self._lock = threading.Lock()

    def answered(self) -> None:
        """It answered."""
        self._note("")

    def failed(self, why: str) -> None:
        """It was not reached, or refused to answer."""
        self._note(why)

    def _note(self, trouble: str) -> None:
        with self._lock:
            known = self.state
            is_same = known.since is not None and bool(trouble) == bool(known.trouble)
            self.state = State(trouble, known.since if is_same else datetime.now(UTC))
        if is_same:
            return
        if trouble:
            log.warning("%s cannot be used: %s", TOLD[self.name], trouble)
        elif known.since is not None:
            log.info("%s answers again", TOLD[self.name])


Dependencies = Mapping[Name, Dependency]
