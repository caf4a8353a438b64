"""The annotations of a project, exported from Label Studio and resolved to one per task."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx
import msgspec
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from service.labelstudio.hypertext import TooDeep
from service.labelstudio.label_config import Control, parse
from service.labelstudio.passages import Passage, passage_of
from service.model.spans import Span
from training.dataset import Document

PAGE_TASKS = 100

CHUNK_CHARACTERS = 1 << 20
"""Characters of an export that are read at a time, at least."""
BETWEEN_OBJECTS = re.compile(r"[\s,\[]*")
"""What stands before an element of an array of objects."""

UNANNOTATED = json.dumps(
    {
        "filters": {
            "conjunction": "and",
            "items": [{"filter": "filter:tasks:total_annotations", "operator": "equal", "value": 0, "type": "Number"}],
        }
    }
)


class ExportFailed(RuntimeError):
    """The annotations could not be had; says why and what to do."""


class ProjectGone(ExportFailed):
    """Label Studio has no such project (any more)."""


class Annotation(msgspec.Struct):
    id: int
    result: list[Any] | None = None
    was_cancelled: bool = False
    ground_truth: bool = False
    updated_at: str = ""


class AnnotatedTask(msgspec.Struct):
    id: int
    data: dict[str, Any]
    annotations: list[Annotation] = []


@dataclass
class Export:
    """The documents of one project, and what of its annotations could not be used, by reason."""

    documents: list[Document] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class Source:
    """Label Studio as a run sees it: with an API key of either kind (the SDK tells them apart)."""

    def __init__(self, url: str, key: str) -> None:
        if not url or not key:
            raise ExportFailed(
                "Set SPANLOOP_LABEL_STUDIO_URL and SPANLOOP_LABEL_STUDIO_API_KEY: the run reads annotations with them."
            )
        self._url = url
        try:
            self._client = LabelStudio(base_url=url, api_key=key, timeout=60)
        except (ApiError, httpx.HTTPError) as error:
            raise self._explain(error) from error

    def label_config(self, project: int) -> str:
        try:
            return self._client.projects.get(project).label_config or ""
        except (ApiError, httpx.HTTPError) as error:
            raise self._explain(error, project) from error

    def download(self, project: int, target: Path) -> None:
        """Stream the project's labelled tasks into a file (Label Studio's JSON export)."""
        partial = target.with_suffix(".partial")
        try:
            chunks = self._client.projects.exports.download_sync(project, export_type="JSON", download_all_tasks=False)
            with partial.open("wb") as opened:
                for chunk in chunks:
                    opened.write(chunk)
        except (ApiError, httpx.HTTPError) as error:
            raise self._explain(error, project) from error
        partial.replace(target)

    def unannotated(self, project: int, limit: int) -> Iterator[dict[str, Any]]:
        """The data of up to `limit` tasks that nobody has annotated."""
        taken = 0
        try:
            for task in self._client.tasks.list(project=project, page_size=PAGE_TASKS, query=UNANNOTATED):
                if taken >= limit:
                    return
                taken += 1
                yield task.data
        except (ApiError, httpx.HTTPError) as error:
            raise self._explain(error, project) from error

    def _explain(self, error: Exception, project: int | None = None) -> ExportFailed:
        untouched = "Nothing was trained and the live version is untouched."
        if isinstance(error, httpx.LocalProtocolError):  # its message quotes the header, and so the key
            return ExportFailed(f"The API key has characters that no key has; set it again. {untouched}")
        if isinstance(error, ApiError) and error.status_code in (401, 403):
            return ExportFailed(
                f"Label Studio refuses the API key; set SPANLOOP_LABEL_STUDIO_API_KEY to a valid one. {untouched}"
            )
        if isinstance(error, ApiError) and error.status_code == httpx.codes.NOT_FOUND:
            return ProjectGone(f"Label Studio has no project {project}. {untouched}")
        if isinstance(error, ApiError):
            return ExportFailed(f"Label Studio at {self._url} answered {error.status_code} to the export. {untouched}")
        return ExportFailed(
            f"Label Studio at {self._url} does not answer ({error}); start it and try again. {untouched}"
        )


def read(path: Path, project: int, label_config: str) -> Export:
    """Turn a downloaded export into documents: one per task and labelling control. Raises LabelConfigError.

    Of several annotations of a task one is used: ground truth before others, then the one changed last. Cancelled
    ones are not. Tasks are read one by one, so that memory holds the documents and no more.
    """
    controls = parse(label_config)
    export = Export()
    for task in tasks(path):
        chosen = choose(task.annotations)
        if chosen is None:
            continue
        for control in controls:
            try:
                passage = passage_of(task.data, control)
            except TooDeep:
                passage = None
            if passage is None:
                export.left_out["the task has no text"] += 1
                continue
            if not is_whole(passage.text):
                export.left_out["the text has half a character in it"] += 1
                continue
            spans = tuple(_spans(chosen.result or [], control, passage, export.left_out))
            export.documents.append(Document(passage.text, control.wordings, spans, project, task.id, chosen.id))
    return export


def tasks(path: Path) -> Iterator[AnnotatedTask]:
    """The tasks of a downloaded export, one by one."""
    with path.open(encoding="utf-8") as opened:
        for element in _elements(opened):
            yield msgspec.convert(element, AnnotatedTask)


def read_texts(path: Path, label_config: str) -> list[str]:
    """The texts of downloaded tasks without annotations, of all controls. Raises LabelConfigError."""
    unannotated = json.loads(path.read_text(encoding="utf-8"))
    passages = (passage_of(data, control) for control in parse(label_config) for data in unannotated)
    return [passage.text for passage in passages if passage and is_whole(passage.text)]


def is_whole(text: str) -> bool:
    """Whether a text is one of Unicode: half a surrogate pair, which JSON can hold, is nothing a tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def choose(annotations: Sequence[Annotation]) -> Annotation | None:
    """The annotation that counts: ground truth first, then the one changed last; never a cancelled one."""
    usable = [annotation for annotation in annotations if not annotation.was_cancelled]
    return max(usable, key=lambda a: (a.ground_truth, a.updated_at, a.id), default=None)


def _elements(opened: TextIO) -> Iterator[Any]:
    """The elements of a JSON array of objects, one by one. Raises JSONDecodeError where it is cut off."""
    decode = json.JSONDecoder().raw_decode
    text, at = "", 0
    while True:
        match = BETWEEN_OBJECTS.match(text, at)
        at = match.end() if match else at
        try:
            element, at = decode(text, at)
        except json.JSONDecodeError:
            if text[at:].rstrip() == "]":
                return
            more = opened.read(max(CHUNK_CHARACTERS, len(text) - at))
            if not more:
                raise
            text, at = text[at:] + more, 0
        else:
            yield element


def _spans(result: Sequence[Any], control: Control, passage: Passage, left_out: Counter[str]) -> Iterator[Span]:
    wording_of = control.wording_of
    for region in result:
        if not isinstance(region, dict) or region.get("from_name") != control.name:
            continue
        value = region.get("value")
        if not isinstance(value, dict):
            left_out["the region has no value"] += 1
            continue
        stretch = passage.offsets(value)
        if stretch is None:
            left_out["the span lies outside of the text"] += 1
            continue
        labels = value.get(control.kind)
        for label in labels if isinstance(labels, list) else []:
            if label in wording_of:
                yield Span(*stretch, wording_of[label], 1.0)
            else:
                left_out["the label is no longer in the label config"] += 1
