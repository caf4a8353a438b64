"""/predict: tasks in, one prediction item for each of them out, in order."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from service import metrics
from service.backend import regions
from service.backend.projects import Projects
from service.backend.requests import Predict, Refused, project_id
from service.extractor.engine import Engine, Failure, Loaded, Unavailable
from service.hypertext import TooDeep
from service.label_config import Control, LabelConfigError, fingerprint, parse, text_of
from service.passages import Passage, passage_of
from service.settings import Settings
from service.spans import Extraction
from service.versions import seen_version


class Predictor:
    """Answers predictions with whatever version the engine holds."""

    def __init__(self, settings: Settings, projects: Projects, engine: Engine) -> None:
        self._settings = settings
        self._projects = projects
        self._engine = engine

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
        """One item a task. Raises Refused for a config that cannot be used, or without a model (503)."""
        try:
            controls = parse(request.label_config or "")
        except LabelConfigError as error:
            raise Refused(400, str(error)) from error
        deadline = time.monotonic() + seconds
        threshold = self.threshold(project_id(request.project))
        try:
            # One version for all controls of a task, and one deadline, whatever is swapped in meanwhile.
            loaded = await self._engine.ready(seconds)
        except Unavailable as error:
            raise Refused(503, str(error)) from error
        answers = await asyncio.gather(
            *(self._control(request, control, threshold, deadline, loaded) for control in controls)
        )
        items = [Item() for _ in request.tasks]
        for answer in answers:
            for index, part in answer.items():
                items[index].add(part)
        version = seen_version(loaded.version, fingerprint(controls), threshold)
        return [item.as_json(version) for item in items]

    async def _control(
        self, request: Predict, control: Control, threshold: float, deadline: float, loaded: Loaded
    ) -> dict[int, Item]:
        """What one control contributes to the items of the tasks that have a text for it, by the task's place."""
        # HTML takes a while to read: not on the event loop, where /health must be answered meanwhile.
        passages, parts = await to_thread.run_sync(self._passages, request, control)
        texts = [passage.text for passage in passages.values()]
        seconds = deadline - time.monotonic()
        answer = await self._engine.extract(texts, control.wordings, threshold, seconds, loaded)
        for (index, passage), found in zip(passages.items(), answer.items, strict=True):
            if isinstance(found, Failure):
                parts[index] = Item(error=found.reason)
                continue
            marked = regions.taken(request.regions, control, passage)
            kept = Extraction(regions.without_taken(found.spans, marked), found.certainty)
            parts[index] = Item(regions.regions(passage, kept, control), kept.certainty)
        return parts

    def _passages(self, request: Predict, control: Control) -> tuple[dict[int, Passage], dict[int, Item]]:
        """What there is to read, by the task's place, and the items of tasks whose text cannot be read."""
        passages: dict[int, Passage] = {}
        unread: dict[int, Item] = {}
        for index, task in enumerate(request.tasks):
            source = text_of(task.fields, control)
            if source is not None and len(source) > self._settings.max_text_characters:
                unread[index] = Item(error=f"the text is over {self._settings.max_text_characters} characters long")
                continue
            try:
                passage = passage_of(task.fields, control)
            except TooDeep as error:
                unread[index] = Item(error=str(error))
                continue
            if passage is not None:
                passages[index] = passage
        return passages, unread


@dataclass
class Item:
    """One task's prediction while it is put together."""

    regions: list[dict[str, Any]] = field(default_factory=list)
    certainty: float = 1.0
    error: str = ""

    def add(self, other: Item) -> None:
        """Take over what another control found."""
        self.regions += other.regions
        self.certainty = min(self.certainty, other.certainty)
        self.error = self.error or other.error

    def as_json(self, version: str) -> dict[str, Any]:
        if self.error:
            metrics.TEXTS.labels("failed").inc()
            return {"error": self.error, "model_version": version}
        metrics.TEXTS.labels("predicted").inc()
        metrics.ENTITIES.inc(len(self.regions))
        return regions.item(self.regions, self.certainty, version)
