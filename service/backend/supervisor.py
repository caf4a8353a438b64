"""The backend's parts, put together: what the routes use, and the thread that looks after runs and versions."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.requests import Request

from service.backend.predict import Predictor
from service.backend.projects import Projects
from service.backend.protocols import Rollout, RunStore, VersionStore
from service.backend.retraining import Retraining
from service.errors import Cause, cause_of
from service.extractor.questions import Extractor
from service.metrics import failures
from service.runs.run import Run
from service.settings import Settings
from service.versions.lineage import Lineage
from service.web.routes import Refused

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at runs and versions."""

CLOSING = 10.0
"""Seconds for a look to end when the backend does; one that waits for a registry longer than that is left behind."""

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
        registry: VersionStore,
        runs: RunStore,
        projects: Projects,
        retraining: Retraining,
        looks: Sequence[Sequence[Callable[[], None]]],
        leads: Callable[[], bool] = lambda: True,
        resign: Callable[[], None] = lambda: None,
    ) -> None:
        """`looks`: what is done again and again, in as many threads as there are sequences.

        A look that waits for a registry or for Label Studio keeps no other thread's from being done. `leads`: whether
        this one, of several backends of a release, speaks for it; `resign`: lets another do so.
        """
        self.settings = settings
        self.extractor = extractor
        self.rollout = rollout
        self.registry = registry
        self.runs = runs
        self.projects = projects
        self.predictor = Predictor(settings, projects, extractor)
        self.retraining = retraining
        self.leads = leads
        self._resign = resign
        self.published: list[Lineage] = []
        self._places = asyncio.Semaphore(AT_ONCE)
        self._large_places = asyncio.Semaphore(LARGE_AT_ONCE)
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=(own,), name="supervisor", daemon=True)
            for own in (*looks, [self._list])
        ]

    @property
    def body_limit(self) -> int:
        return self.settings.max_body_mb << 20

    @property
    def version_names(self) -> list[str]:
        """The version that answers first, then all others that could."""
        names = [self.extractor.version or "", *(lineage.version for lineage in self.published)]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def demand(self) -> int:
        """Texts that wait for the extractor; at least one during a rollout: its pods must prove themselves."""
        return max(self.extractor.queued, 0 if self.rollout.is_over else 1)

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
            reason = "Too many predictions are being worked on; retrieve again later."
            raise Refused(503, reason, Cause.BUSY) from None
        try:
            yield
        finally:
            places.release()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(CLOSING)
        self._resign()
        self.extractor.close()

    def _watch(self, looks: Sequence[Callable[[], None]]) -> None:
        while not self._ended.is_set():
            for look in looks:
                try:
                    look()
                except Exception as error:  # the next look may succeed; the backend must go on answering
                    failures.count(cause_of(error))
                    log.exception("looking after runs and versions failed and is tried again")
            self._ended.wait(EVERY)

    def _list(self) -> None:
        self.published = self.registry.versions()
