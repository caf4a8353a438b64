"""/predict: tasks in, one prediction item for each of them out, in order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from anyio import to_thread

from service.backend import metrics
from service.backend.projects import Project, Projects
from service.backend.reading import Read, Reader, note_unread, questions, unread_of
from service.backend.settings import BackendSettings
from service.backend.tallies import Tallies
from service.errors import Cause
from service.extractor.questions import Extractor, Failure, Unavailable
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


class Decoding(NamedTuple):
    """How a project's spans are chosen among what the model finds."""

    threshold: float | None
    """The lowest probability of a predicted span; None for the thresholds of the version."""
    thresholds: Mapping[str, float]
    """Those of single labels, by the value that goes into regions."""
    overlap: Overlap | None
    """Which spans may share words; None for what the version was tuned for."""


class Predictor:
    """Answers predictions with whatever version the extractor holds."""

    def __init__(self, settings: BackendSettings, projects: Projects, extractor: Extractor) -> None:
        self._settings = settings
        self._projects = projects
        self._extractor = extractor
        self._reader = Reader(settings)
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

    async def predict(self, request: Predict, seconds: float) -> list[dict[str, Any]]:
        """One item a task. Raises RequestRefused for a config that cannot be used, or without a model (503)."""
        try:
            controls = parse(request.label_config or "")
        except LabelConfigError as error:
            raise RequestRefused(400, str(error), Cause.BAD_CONFIG) from error
        deadline = time.monotonic() + seconds
        project = project_id(request.project)
        decoding = self.decoding(self._projects.get(project))
        readings = await to_thread.run_sync(self._reader.read, request.tasks, controls, deadline)
        for unread in unread_of(readings):
            failures.count(unread.cause)
        asked, reads = questions(readings, decoding.thresholds, decoding.overlap)
        try:
            # One request for all controls: one version and one deadline, whatever is rolled out meanwhile.
            began = time.monotonic()
            answer = await self._extractor.ask(asked, decoding.threshold, deadline - began)
        except Unavailable as error:
            raise RequestRefused(503, str(error), error.cause) from error
        metrics.EXTRACTOR_WAIT.observe(time.monotonic() - began)
        note_unread(readings, reads, answer)
        labels = fingerprint(controls)
        self.tallies.count(project, labels, zip((task.id for task in request.tasks), readings, strict=True))
        items = [Prediction(unread=reading.failure) for reading in readings]
        overlap = decoding.overlap or answer.overlap
        for group, found in zip(reads, answer.items, strict=True):
            for read, extraction in zip(group, found, strict=True):
                items[read.task].add(read, extraction, request.regions, overlap)
        version = seen_version(answer.version, labels, *decoding)
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
