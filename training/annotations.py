"""The annotations of a project, as Label Studio exports them, resolved to one per task."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import msgspec

from service.errors import Cause
from service.labelstudio.controls import Control
from service.labelstudio.label_config import parse
from service.labelstudio.passages import Fetch, Passage, passage_of
from service.labelstudio.unread import Unread
from service.model.spans import Span
from training.dataset import Document
from training.omissions import Omission

log = logging.getLogger(__name__)

CHUNK_CHARACTERS = 1 << 20
"""Characters of an export that are read at a time, at least."""
BETWEEN_OBJECTS = re.compile(r"[\s,\[]*")
"""What stands before an element of an array of objects."""


class ExportFailed(RuntimeError):
    """The annotations could not be had; says why, what was left untouched and what to do."""

    cause = Cause.LABEL_STUDIO_UNREACHABLE


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
    omissions: list[Omission] = field(default_factory=list)

    @property
    def left_out(self) -> Counter[str]:
        """The number of omissions by reason."""
        return Counter(omission.reason for omission in self.omissions)


def read(path: Path, project: int, label_config: str, fetch: Fetch | None = None) -> Export:
    """Turn a downloaded export into documents: one per task and labelling control. Raises LabelConfigError.

    Of several annotations of a task one is used: ground truth before others, then the one changed last. Cancelled
    ones are not. Tasks are read one by one, so that memory holds the documents and no more. `fetch` gives the text at
    an address.
    """
    controls = parse(label_config)
    export = Export()
    for task in tasks(path):
        chosen = choose(task.annotations)
        if chosen is None:
            continue
        unread: list[str] = []
        for control, passage in _passages(task.data, controls, fetch, unread):
            unusable: list[tuple[str, str]] = []
            spans = tuple(_spans(chosen.result or [], control, passage, unusable))
            export.omissions += [Omission(reason, project, task.id, label) for reason, label in unusable]
            export.documents.append(Document(passage.text, control.wordings, spans, project, task.id, chosen.id))
        export.omissions += [Omission(reason, project, task.id) for reason in unread]
    return export


def tasks(path: Path) -> Iterator[AnnotatedTask]:
    """The tasks of a downloaded export, one by one."""
    with path.open(encoding="utf-8") as opened:
        for element in _elements(opened):
            yield msgspec.convert(element, AnnotatedTask)


def read_texts(path: Path, label_config: str, fetch: Fetch | None = None) -> list[str]:
    """The texts of downloaded tasks without annotations, of all controls. Raises LabelConfigError."""
    controls = parse(label_config)
    unannotated = json.loads(path.read_text(encoding="utf-8"))
    found = (_passages(data, controls, fetch, []) for data in unannotated)
    return [passage.text for passages in found for _, passage in passages]


def _passages(
    data: Mapping[str, Any], controls: Sequence[Control], fetch: Fetch | None, unread: list[str]
) -> Iterator[tuple[Control, Passage]]:
    """The passage that each control marks in a task. `unread` gets the reason for each passage that is not read."""
    for template in controls:
        try:
            own = template.of(data)
        except Unread as error:
            unread.append(f"a task was not read: {error}")
            continue
        for control in own:
            try:
                passage = passage_of(data, control, fetch)
            except Unread as error:
                unread.append(f"a task was not read: {error}")
            except Exception:  # a task that breaks a reader must not end the run
                log.exception("a task could not be read")
                unread.append("a task was not read: reading it failed; the run's log has the cause")
            else:
                yield control, passage


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


def _spans(
    result: Sequence[Any], control: Control, passage: Passage, unusable: list[tuple[str, str]]
) -> Iterator[Span]:
    """The spans of a control's regions. `unusable` gets (reason, label) for each part of a region that is no span."""
    wording_of = control.wording_of
    for region in result:
        if not isinstance(region, dict) or region.get("from_name") != control.name:
            continue
        value = region.get("value")
        if not isinstance(value, dict):
            unusable.append(("the region has no value", ""))
            continue
        stretch = passage.offsets(value)
        if stretch is None:
            unusable.append(("the span lies outside of the text", ""))
            continue
        labels = value.get(control.kind)
        for label in labels if isinstance(labels, list) else []:
            if isinstance(label, str) and label in wording_of:
                yield Span(*stretch, wording_of[label], 1.0)
            else:
                unusable.append(("the label is no longer in the label config", str(label)))
