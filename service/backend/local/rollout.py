"""Makes the engine answer with the live version, and takes back a version that does not work."""

from __future__ import annotations

import logging
import time

from service.backend import metrics
from service.errors import Cause, cause_of
from service.extractor.engine import Engine
from service.extractor.loaded import Loaded
from service.extractor.loading import load
from service.extractor.settings import EngineSettings
from service.metrics import failures
from service.versions.history import INITIAL, Conflict, History, LiveFile
from service.versions.names import initial_version
from service.versions.store import BentoStore
from service.versions.trust import Trust

log = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""Seconds until the backend tries again to load a live version that could not be loaded when it started."""


class LocalRollout:
    """The rollout on one machine: load, check, swap. No request is lost: running ones keep their model."""

    def __init__(self, settings: EngineSettings, store: BentoStore, live: LiveFile, engine: Engine) -> None:
        self._settings = settings
        self._store = store
        self._live = live
        self._engine = engine
        self._applied: str | None = None
        """The live version that answers; None before one does."""
        self._first: str | None = None
        """The version that was live when the backend started; None before the first tick."""
        self._failed: str | None = None
        """The live version that could not be loaded when the backend started, and is tried again."""
        self._retry_at = 0.0
        self._trouble = ""
        self._initial = initial_version(settings.model, settings.window_words)

    @property
    def version(self) -> str:
        """The version that answers; before the first is loaded, the one that will."""
        return self._engine.version or self._live.read().live or self._initial

    @property
    def reference(self) -> str:
        return self._live.read().live

    @property
    def is_over(self) -> bool:
        """Always True: a swap is one step."""
        return True

    @property
    def extractors(self) -> None:
        """None: the model is in this process."""
        return None

    @property
    def trouble(self) -> str:
        """Why the live version does not answer, and which does; empty while it does, or none."""
        return self._trouble

    @property
    def history(self) -> History:
        """The changes of the live version, the last of which should answer."""
        return self._live.read()

    def tick(self) -> None:
        """Load the live version if the engine has another.

        A version that fails is taken back, with the reason. But when the backend starts, the version may have answered
        for weeks, and what fails may pass: a full memory, a volume that is not there yet. So it stays live and is tried
        again, and the newest version that can be loaded answers meanwhile.
        """
        target = self._live.read().live
        self._first = target if self._first is None else self._first
        if target == self._applied or (target == self._failed and time.monotonic() < self._retry_at):
            return
        try:
            loaded = self._load(target)
        except Exception as error:  # after any error the version before it must go on answering
            log.exception("version %s does not work", target or "(initial)")
            self._fail(target, error)
            return
        self._engine.swap(loaded)
        if self._applied is not None:  # the first load is no rollout
            metrics.ROLLOUTS.labels("done").inc()
        self._applied, self._failed, self._trouble = target, None, ""
        log.info("version %s answers", loaded.version)

    def _fail(self, target: str, error: Exception) -> None:
        failures.count(cause_of(error, otherwise=Cause.MODEL_LOAD))
        if target != INITIAL and (self._applied is not None or target != self._first):
            self._take_back(target, str(error))
            return
        self._failed, self._retry_at = target, time.monotonic() + RETRY_SECONDS
        if self._engine.version is None and not self._stand_in(target, error):
            self._engine.failed(str(error))

    def _stand_in(self, target: str, error: Exception) -> bool:
        """Let the newest earlier version answer that can be loaded, or the base model. Returns whether one does."""
        before = (change.reference for change in reversed(self._live.read().changes))
        for other in dict.fromkeys([*before, INITIAL]):
            if other == target:
                continue
            try:
                loaded = self._load(other)
            except Exception:  # after any error an older version may still answer
                log.exception("version %s does not work either", other or "(initial)")
                continue
            self._engine.swap(loaded)
            self._trouble = (
                f"Version {target} is live and could not be loaded: {error} {loaded.version} answers meanwhile, and "
                f"{target} is tried again every {RETRY_SECONDS:.0f} seconds."
            )
            log.error("%s", self._trouble)
            return True
        return False

    def _take_back(self, version: str, why: str) -> None:
        try:
            self._live.back(version, f"{version} was taken back: {why}")
        except Conflict as conflict:
            log.info("version %s was not taken back: %s", version, conflict)
        else:
            metrics.ROLLOUTS.labels("undone").inc()

    def _load(self, target: str) -> Loaded:
        settings = self._settings
        if target == INITIAL:
            given = settings.window_words, settings.convert_pickle
            return load(settings.model, settings.device, settings.precision, *given)
        folder = self._store.fetch(target)
        Trust.of(settings).check_model(folder)
        return load(str(folder), settings.device, settings.precision)
