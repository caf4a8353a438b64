"""The backend's parts, put together: what the routes use, and the thread that looks after runs and versions."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from service.backend.label_studio import LabelStudio
from service.backend.launcher import LocalLauncher
from service.backend.predict import Predictor
from service.backend.projects import Projects
from service.backend.retraining import Retraining
from service.backend.rollout import Rollout
from service.extractor.questions import Extractor
from service.lineage import Lineage
from service.registry import Registry
from service.routes import Refused
from service.runs import Run, Runs
from service.settings import Settings

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at runs and versions."""

LARGE_BODY = 1 << 20
LARGE_AT_ONCE = 2
AT_ONCE = 64
"""So many predictions are worked on at a time, of them so many with bodies over a megabyte; others wait unread, so that
memory stays bounded whatever comes."""


class Supervisor:
    """Holds the parts of one backend."""

    def __init__(
        self,
        settings: Settings,
        extractor: Extractor,
        rollout: Rollout,
        registry: Registry,
        runs: Runs,
        launcher: LocalLauncher,
    ) -> None:
        self.settings = settings
        self.extractor = extractor
        self.rollout = rollout
        self.registry = registry
        self.runs = runs
        self.projects = Projects(settings.folder)
        self.predictor = Predictor(settings, self.projects, extractor)
        self.retraining = Retraining(settings, self.projects, runs, launcher, LabelStudio(settings))
        self.published: list[Lineage] = []
        self._places = asyncio.Semaphore(AT_ONCE)
        self._large_places = asyncio.Semaphore(LARGE_AT_ONCE)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    @property
    def body_limit(self) -> int:
        return self.settings.max_body_mb << 20

    @property
    def version_names(self) -> list[str]:
        """The version that answers first, then all others that could."""
        names = [self.extractor.version or "", *(lineage.version for lineage in self.published)]
        return list(dict.fromkeys(name for name in names if name))

    def run(self, run_id: str) -> Run | None:
        """A run by its id, the newest for an empty id."""
        return next((run for run in self.runs.all() if run_id in (run.id, "")), None)

    @asynccontextmanager
    async def place(self, request: Request, seconds: float) -> AsyncIterator[None]:
        """Hold a place for a prediction, before its body is read and until it is answered.

        Raises Refused (503) where none becomes free within `seconds`.
        """
        length = request.headers.get("content-length", "")
        small = length.isdigit() and int(length) < LARGE_BODY
        places = self._places if small else self._large_places
        try:
            await asyncio.wait_for(places.acquire(), seconds)
        except TimeoutError:
            raise Refused(503, "Too many predictions are being worked on; retrieve again later.") from None
        try:
            yield
        finally:
            places.release()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.extractor.close()

    def _watch(self) -> None:
        while not self._ended.is_set():
            for look in (self.rollout.tick, self.retraining.tick, self._list):
                try:
                    look()
                except Exception:  # the next look may succeed; the backend must go on answering
                    log.exception("looking after runs and versions failed and is tried again")
            self._ended.wait(EVERY)

    def _list(self) -> None:
        self.published = self.registry.versions()
