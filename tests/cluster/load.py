"""Somebody who asks for predictions all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from .release import Release


@dataclass
class Load:
    """What somebody who asks for predictions all the time got."""

    versions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, release: Release) -> None:
        try:
            answer = release.predict()
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        item = answer.json()["results"][0] if answer.is_success else {"error": answer.text}
        if "error" in item:
            self.failures.append(str(item["error"]))
        else:
            self.versions.append(str(item["model_version"]).partition(".")[0])


@contextmanager
def load(release: Release) -> Iterator[Load]:
    """Ask for predictions without a pause for as long as the context lasts."""
    seen, ended = Load(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            seen.ask(release)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
