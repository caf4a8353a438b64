"""/predict: tasks in, one prediction item for each of them out, in order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from service.backend import metrics
from service.backend.projects import Projects
from service.backend.settings import BackendSettings
from service.errors import Cause
from service.extractor.questions import Extractor, Failure, Question, Unavailable
from service.labelstudio import regions
from service.labelstudio.hypertext import TooDeep
from service.labelstudio.label_config import Control, LabelConfigError, fingerprint, parse, text_of
from service.labelstudio.messages import Predict, project_id
from service.labelstudio.passages import Passage, passage_of
from service.metrics import failures
from service.model.spans import Extraction
from service.versions.names import seen_version
from service.web.routes import RequestRefused


class Predictor:
    """Answers predictions with whatever version the extractor holds."""

    def __init__(self, settings: BackendSettings, projects: Projects, extractor: Extractor) -> None:
        self._settings = settings
        self._projects = projects
        self._extractor = extractor

    def threshold(self, project: int | None) -> float:
        known = self._projects.get(project)
        return known.threshold if known and known.threshold is not None else self._settings.threshold

    def version(self, model: str, label_config: str | None, project: int | None) -> str:
        """The version that Label Studio is told of a model's version, for this config and threshold."""
        try:
            labels = fingerprint(parse(label_config or ""))
        except LabelConfigError:
            labels = label_config or ""
        return seen_version(model, labels, self.threshold(project))

    async def predict(self, request: Predict, seconds: float) -> list[dict[str, Any]]:
        """One item a task. Raises RequestRefused for a config that cannot be used, or without a model (503)."""
        try:
            controls = parse(request.label_config or "")
        except LabelConfigError as error:
            raise RequestRefused(400, str(error), Cause.BAD_CONFIG) from error
        deadline = time.monotonic() + seconds
        threshold = self.threshold(project_id(request.project))
        readings = [await self._reading(request, control) for control in controls]
        questions = [Question(reading.texts, reading.control.wordings) for reading in readings]
        try:
            # One request for all controls: one version and one deadline, whatever is rolled out meanwhile.
            asked = time.monotonic()
            answer = await self._extractor.ask(questions, threshold, deadline - asked)
        except Unavailable as error:
            raise RequestRefused(503, str(error), error.cause) from error
        metrics.EXTRACTOR_WAIT.observe(time.monotonic() - asked)
        items = [Prediction() for _ in request.tasks]
        for reading, found in zip(readings, answer.items, strict=True):
            for index, part in reading.parts(found, request.regions).items():
                items[index].add(part)
        version = seen_version(answer.version, fingerprint(controls), threshold)
        return [item.as_json(version) for item in items]

    async def _reading(self, request: Predict, control: Control) -> Reading:
        if not control.is_hypertext:
            return self._read(request, control)
        # HTML takes a while to read: not on the event loop, where /health must be answered meanwhile.
        return await to_thread.run_sync(self._read, request, control)

    def _read(self, request: Predict, control: Control) -> Reading:
        """What there is to read for one control."""
        reading = Reading(control)
        for index, task in enumerate(request.tasks):
            source = text_of(task.fields, control)
            if source is not None and len(source) > self._settings.max_text_characters:
                reading.unread[index] = f"the text is over {self._settings.max_text_characters} characters long"
                failures.count(Cause.TOO_LARGE)
                continue
            try:
                passage = passage_of(task.fields, control)
            except TooDeep as error:
                reading.unread[index] = str(error)
                failures.count(Cause.BAD_TEXT)
                continue
            if passage is not None:
                reading.passages[index] = passage
        return reading


@dataclass
class Reading:
    """What one control shows of the tasks: its passages, and why some cannot be read, by the task's place."""

    control: Control
    passages: dict[int, Passage] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        return [passage.text for passage in self.passages.values()]

    def parts(self, found: Sequence[Extraction | Failure], context: Sequence[Any]) -> dict[int, Prediction]:
        """What the control contributes to the tasks' items, given what was found in its texts."""
        parts = {index: Prediction(error=reason) for index, reason in self.unread.items()}
        for (index, passage), extraction in zip(self.passages.items(), found, strict=True):
            if isinstance(extraction, Failure):
                parts[index] = Prediction(error=extraction.reason)
                continue
            marked = regions.taken(context, self.control, passage)
            kept = Extraction(regions.without_taken(extraction.spans, marked), extraction.certainty)
            parts[index] = Prediction(regions.regions(passage, kept, self.control), kept.certainty)
        return parts


@dataclass
class Prediction:
    """One task's prediction while it is put together."""

    regions: list[dict[str, Any]] = field(default_factory=list)
    certainty: float = 1.0
    error: str = ""

    def add(self, other: Prediction) -> None:
        """Take over what another control found."""
        self.regions += other.regions
        self.certainty = min(self.certainty, other.certainty)
        self.error = self.error or other.error

    def as_json(self, version: str) -> dict[str, Any]:
        if self.error:
            metrics.TEXTS.labels("failed").inc()
            return {"error": self.error, "model_version": version}
        metrics.TEXTS.labels("predicted").inc()
        return regions.item(self.regions, self.certainty, version)
