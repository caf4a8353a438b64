"""The requests for a run that no Job came of, kept on the extractor's Deployment, so that every backend shows them."""

from __future__ import annotations

import logging
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.events import Events
from service.backend.cluster.jobs import KubeObject
from service.runs.run import Run

log = logging.getLogger(__name__)

REFUSALS_ANNOTATION = "spanloop.dev/refusals"
"""Annotation of the Deployment: the newest refusals as JSON."""
KEPT = 5
MESSAGE_CHARACTERS = 2000
"""Longest message that is kept: the annotations of an object hold 256 KiB together."""

_RUNS = TypeAdapter(list[Run])


class Refusals:
    """Failed runs without a Job, each of which says why none was made. Any thread may call the methods."""

    def __init__(self, deployment: ExtractorDeployment, events: Events) -> None:
        self._deployment = deployment
        self._events = events
        self._unwritten: dict[str, Run] = {}
        """Those that the API server has not taken yet. The dict is replaced, never changed."""

    def all(self) -> list[Run]:
        """The kept refusals; of two of a request the newer one."""
        return _newest(kept(self._deployment.seen), self._unwritten)

    def keep(self, run: Run) -> None:
        """Keep a refusal. Raises ClusterError if the API server does not take it; `tick` tries that again."""
        cut = run.model_copy(update={"message": run.message[:MESSAGE_CHARACTERS]})
        self._unwritten = {**self._unwritten, run.id: cut}
        self.tick()

    def tick(self) -> None:
        """Write what is not written yet. Raises ClusterError."""
        unwritten = self._unwritten
        if not unwritten:
            return

        def write(deployment: KubeObject) -> None:
            content = _RUNS.dump_json(_newest(kept(deployment), unwritten), exclude_defaults=True).decode()
            self._deployment.patch(deployment, {"metadata": {"annotations": {REFUSALS_ANNOTATION: content}}})

        self._deployment.change(write)
        self._unwritten = {name: run for name, run in self._unwritten.items() if unwritten.get(name) is not run}
        for run in unwritten.values():
            self._events.refused(self._deployment.seen, run)


def kept(deployment: KubeObject) -> list[Run]:
    """The refusals on a Deployment. An annotation that cannot be read counts as none: anybody can write one."""
    return [*_read(annotation(deployment, REFUSALS_ANNOTATION))]


@lru_cache(maxsize=2)
def _read(noted: str) -> tuple[Run, ...]:
    try:
        return tuple(_RUNS.validate_json(noted)) if noted else ()
    except ValidationError:
        log.warning("the annotation %s of the Deployment cannot be read and is written anew", REFUSALS_ANNOTATION)
        return ()


def _newest(known: list[Run], newer: dict[str, Run]) -> list[Run]:
    found = {run.id: run for run in [*known, *newer.values()]}
    return sorted(found.values(), key=lambda run: run.started, reverse=True)[:KEPT]
