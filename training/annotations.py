"""The annotations of a project, as Label Studio exports them, resolved to one per task."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import msgspec

from service.errors import Cause
from service.labelstudio.hypertext import TooDeep
from service.labelstudio.label_config import Control, parse
from service.labelstudio.passages import Passage, passage_of
from service.model.spans import Span
from training.dataset import Document
from training.omissions import Omission

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
                export.omissions.append(Omission("the task has no text", project, task.id))
                continue
            if not is_whole(passage.text):
                export.omissions.append(Omission("the text has half a character in it", project, task.id))
                continue
            unusable: list[tuple[str, str]] = []
            spans = tuple(_spans(chosen.result or [], control, passage, unusable))
            export.omissions += [Omission(reason, project, task.id, label) for reason, label in unusable]
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


def _spans(
    result: Sequence[Any], control: Control, passage: Passage, unusable: list[tuple[str, str]]
) -> Iterator[Span]:
    """The spans of a control's regions. `unusable` gets (reason, label) for what is none."""
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
            if label in wording_of:
                yield Span(*stretch, wording_of[label], 1.0)
            else:
                unusable.append(("the label is no longer in the label config", str(label)))
