"""/predict: tasks in, one prediction item for each of them out, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from service.backend import metrics
from service.backend.projects import Project, Projects
from service.backend.reading import Limit, Read, Reader, TaskReading, note_unread, questions, unread_of
from service.backend.settings import BackendSettings
from service.backend.tallies import Tallies
from service.errors import Cause
from service.extractor.questions import Answer, Extractor, Failure, Question, Unavailable
from service.labelstudio import regions
from service.labelstudio.controls import fingerprint
from service.labelstudio.extra_params import ExtraParams
from service.labelstudio.label_config import LabelConfigError, parse
from service.labelstudio.messages import Predict, project_id
from service.labelstudio.unread import Unread
from service.metrics import failures
from service.model.reading import Overlap
from service.model.spans import Extraction, beside
from service.versions.names import seen_version, suffix, with_suffix
from service.web.routes import RequestRefused

Given = ParamSpec("Given")
ResultT = TypeVar("ResultT")

READINGS = 8
"""Predictions that are read or written at a time: each takes the interpreter from the event loop now and then."""
CONFIGS = 2
"""Label configs that are read at a time besides."""
READING_SHARE = 0.5
"""The part of its time that a prediction may take to read its tasks: what is read then is asked for in the rest."""


class Decoding(NamedTuple):
    """How a project's spans are chosen among what the model finds."""

    threshold: float | None
    """The lowest probability of a predicted span; None for the thresholds of the version."""
    thresholds: Mapping[str, float]
    """Those of single labels, by the value that goes into regions."""
    overlap: Overlap | None
    """Which spans may share words; None for what the version was tuned for."""


class Asked(NamedTuple):
    """What a prediction asks the extractor, and how it is read from the tasks."""

    labels: str
    """What of the label config decides predictions."""
    decoding: Decoding
    readings: Sequence[TaskReading]
    questions: Sequence[Question]
    reads: Sequence[Sequence[Read]]
    """For each question the passages of its texts."""


class Predictor:
    """Answers predictions with whatever version the extractor holds."""

    def __init__(self, settings: BackendSettings, projects: Projects, extractor: Extractor) -> None:
        self._settings = settings
        self._projects = projects
        self._extractor = extractor
        self._reader = Reader(settings)
        self._readings, self._configs = CapacityLimiter(READINGS), CapacityLimiter(CONFIGS)
        self.tallies = Tallies()

    def decoding(self, said: Project | ExtraParams | None) -> Decoding:
        """What a project says of itself; where it says nothing, the release's threshold and the version's way."""
        if said is None:
            return Decoding(self._settings.threshold, {}, None)
        threshold = said.threshold if said.threshold is not None else self._settings.threshold
        return Decoding(threshold, said.thresholds, said.overlap)

    def version(self, model: str, label_config: str | None, project: int | None) -> str:
        """The version that Label Studio is told of a model's version, for this config and what is known of the project.

        Raises LabelConfigError.
        """
        return with_suffix(model, self.suffix(label_config, self._projects.get(project)))

    def suffix(self, label_config: str | None, said: Project | ExtraParams | None) -> str:
        """What Label Studio sees the versions with, for a config and what its project says of itself.

        Raises LabelConfigError.
        """
        return suffix(fingerprint(parse(label_config or "")), *self.decoding(said))

    async def aside(self, read: Callable[Given, ResultT], *args: Given.args, **named: Given.kwargs) -> ResultT:
        """What `read` returns, which reads a label config: in a thread, since a large one takes a second."""
        return await to_thread.run_sync(partial(read, *args, **named), limiter=self._configs)

    async def predict(self, request: Predict, seconds: float) -> list[dict[str, Any]]:
        """One item a task. Raises RequestRefused for a config that cannot be used, or without a model (503).

        Where it is cancelled, it reads no further task and withdraws what it has asked.
        """
        began = time.monotonic()
        limit = Limit(began + READING_SHARE * seconds)
        try:
            asked = await to_thread.run_sync(
                self._asked, request, limit, abandon_on_cancel=True, limiter=self._readings
            )
        finally:
            limit.given_up = True
        answer = await self._answer(asked, began + seconds)
        return await to_thread.run_sync(self._items, request, asked, answer, limiter=self._readings)

    def _asked(self, request: Predict, limit: Limit) -> Asked:
        try:
            controls = parse(request.label_config or "")
        except LabelConfigError as error:
            raise RequestRefused(400, str(error), Cause.BAD_CONFIG) from error
        decoding = self.decoding(self._projects.get(project_id(request.project)))
        readings = self._reader.read(request.tasks, controls, limit)
        for unread in unread_of(readings):
            failures.count(unread.cause)
        return Asked(
            fingerprint(controls), decoding, readings, *questions(readings, decoding.thresholds, decoding.overlap)
        )

    async def _answer(self, asked: Asked, deadline: float) -> Answer:
        """Ask for all controls in one request. So one version answers them, even if another is rolled out meanwhile."""
        began = time.monotonic()
        try:
            answer = await self._extractor.ask(asked.questions, asked.decoding.threshold, deadline - began)
        except Unavailable as error:
            raise RequestRefused(503, str(error), error.cause) from error
        metrics.EXTRACTOR_WAIT.observe(time.monotonic() - began)
        return answer

    def _items(self, request: Predict, asked: Asked, answer: Answer) -> list[dict[str, Any]]:
        note_unread(asked.readings, asked.reads, answer)
        counted = zip((task.id for task in request.tasks), asked.readings, strict=True)
        self.tallies.count(project_id(request.project), asked.labels, counted)
        items = [Prediction(unread=reading.failure) for reading in asked.readings]
        overlap, given = asked.decoding.overlap or answer.overlap, regions.by_control(request.regions)
        for group, found in zip(asked.reads, answer.items, strict=True):
            for read, extraction in zip(group, found, strict=True):
                items[read.task].add(read, extraction, given.get(read.control.name, []), overlap)
        version = seen_version(answer.version, asked.labels, *asked.decoding)
        return [item.as_json(version) for item in items]


@dataclass
class Prediction:
    """One task's prediction while it is put together."""

    regions: list[dict[str, Any]] = field(default_factory=list)
    certainty: float = 1.0
    error: str = ""
    unread: Unread | None = None

    def add(self, read: Read, found: Extraction | Failure, context: Sequence[Any], overlap: Overlap) -> None:
        """Take over what was found in a passage, but for what may not stand beside regions that the annotator has."""
        if isinstance(found, Failure):
            self.error = self.error or found.reason
            return
        marked = regions.marked(context, read.control, read.passage)
        kept = Extraction(beside(found.spans, marked, overlap), found.certainty)
        self.regions += regions.regions(read.passage, kept, read.control)
        self.certainty = min(self.certainty, kept.certainty)

    def as_json(self, version: str) -> dict[str, Any]:
        if self.unread:
            has_none = self.unread.cause in (Cause.NO_TEXT, Cause.NO_LABELS, Cause.UNKNOWN_WORDS)
            metrics.TEXTS.labels("unread" if has_none else "failed").inc()
            return regions.unread_item(str(self.unread), version, self.unread.is_lasting)
        if self.error:
            metrics.TEXTS.labels("failed").inc()
            return regions.unread_item(self.error, version, is_lasting=False)
        metrics.TEXTS.labels("predicted").inc()
        return regions.item(self.regions, self.certainty, version)
