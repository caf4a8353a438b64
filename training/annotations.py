"""The annotations of a project, as Label Studio exports them, resolved to one per task."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from service.errors import Cause
from service.labelstudio.controls import Control
from service.labelstudio.label_config import parse
from service.labelstudio.passages import Fetch, Passage, passages_of
from service.labelstudio.unread import Unread
from service.model.graphemes import behind_unseen
from service.model.spans import Span
from training import exclusion
from training.dataset import Document
from training.exclusion import NOTHING, Exclusion
from training.fetching import in_order
from training.omissions import Omission

Told = Callable[[int], None]
"""Is told how many tasks are read."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Found = list[tuple[Control, Passage | Unread]]
"""What the controls of a config mark in one task, and why some of it is not read."""

CHUNK_CHARACTERS = 1 << 20
"""Characters of an export that are read at a time, at least."""
BETWEEN_OBJECTS = re.compile(r"[\s,\[]*")
"""What stands before an element of an array of objects."""


class ExportFailed(RuntimeError):
    """The annotations could not be read. The message says why, what was left untouched and what to do."""

    cause = Cause.LABEL_STUDIO_UNREACHABLE


class Annotation(msgspec.Struct):
    id: int
    result: Any = None
    was_cancelled: bool | None = False
    ground_truth: bool | None = False
    updated_at: str | None = ""
    completed_by: Any = None

    @property
    def annotator(self) -> int:
        """The id of the user who made it; 0 if Label Studio does not tell."""
        known = self.completed_by
        user = known.get("id") if isinstance(known, dict) else known
        return user if isinstance(user, int) else 0


class AnnotatedTask(msgspec.Struct):
    id: int
    data: Any = None
    annotations: list[Annotation] = []


@dataclass
class Export:
    """The documents of one project, and what of its annotations could not be used, by reason."""

    documents: list[Document] = field(default_factory=list)
    others: list[Document] = field(default_factory=list)
    """Of tasks with several annotations, those that are not used, by task the one changed last first."""
    omissions: list[Omission] = field(default_factory=list)

    @property
    def left_out(self) -> Counter[str]:
        """The number of omissions by reason."""
        return Counter(omission.reason for omission in self.omissions)


def read(
    path: Path,
    project: int,
    label_config: str,
    fetch: Fetch | None = None,
    told: Told = lambda done: None,
    excluded: Exclusion = NOTHING,
) -> Export:
    """Turn a downloaded export into documents: one per task and labelling control. Raises LabelConfigError.

    Of several annotations of a task one is used: ground truth before others, then the one changed last. Cancelled
    and excluded ones are not. Tasks are read one by one, so that memory holds the documents and no more. `fetch` gives
    the text at an address, and `told` is told how many tasks are read where texts are fetched.
    """
    controls = parse(label_config)
    export = Export()
    annotated = (
        (task, usable) for task in tasks(path) if (usable := _usable(task, project, excluded, export.omissions))
    )

    def reading(pair: tuple[AnnotatedTask, list[Annotation]]) -> tuple[AnnotatedTask, list[Annotation], Found]:
        return *pair, _found(pair[0].data, controls, fetch)

    for task, usable, found in _each(reading, annotated, controls, told):
        for control, passage in found:
            if isinstance(passage, Unread):
                export.omissions.append(Omission(f"a task was not read: {passage}", project, task.id))
                continue
            unusable: list[tuple[str, str]] = []
            chosen, *others = (
                Document(passage.text, control.wordings, spans, project, task.id, annotation.id, annotation.annotator)
                for annotation, spans in _marked(usable, control, passage, unusable)
            )
            export.omissions += [Omission(reason, project, task.id, label) for reason, label in unusable]
            export.documents.append(chosen)
            export.others += others
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
    found = _each(lambda data: _found(data, controls, fetch), unannotated, controls, lambda done: None)
    passages = (passage for of_task in found for _, passage in of_task)
    return [passage.text for passage in passages if not isinstance(passage, Unread)]


def _found(data: object, controls: Sequence[Control], fetch: Fetch | None) -> Found:
    return list(passages_of(data if isinstance(data, dict) else {}, controls, fetch))


def _each(
    work: Callable[[ItemT], ResultT], items: Iterable[ItemT], controls: Sequence[Control], told: Told
) -> Iterator[ResultT]:
    """The result of `work` for each item, in order; of several at once where texts are fetched, and `told` of each."""
    if not any(control.shown.is_url for control in controls):
        yield from map(work, items)
        return
    for done, result in enumerate(in_order(work, items), 1):
        told(done)
        yield result


def choose(annotations: Sequence[Annotation]) -> Annotation | None:
    """The annotation that counts; None if all are cancelled."""
    return next(iter(_ranked(annotations)), None)


def _ranked(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Ground truth before others, then the one changed last; without the cancelled ones."""
    usable = [annotation for annotation in annotations if not annotation.was_cancelled]
    return sorted(usable, key=lambda a: (bool(a.ground_truth), a.updated_at or "", a.id), reverse=True)


def _usable(task: AnnotatedTask, project: int, excluded: Exclusion, left_out: list[Omission]) -> list[Annotation]:
    """The annotations of a task by their rank, without those that are excluded: `left_out` gets these."""
    ranked = _ranked(task.annotations)
    if ranked and task.id in excluded.tasks:
        left_out.append(Omission(exclusion.TASK, project, task.id))
        return []
    for annotator in (one.annotator for one in ranked if one.annotator in excluded.annotators):
        left_out.append(Omission(exclusion.of_annotator(annotator), project, task.id))
    return [annotation for annotation in ranked if annotation.annotator not in excluded.annotators]


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


def _marked(
    annotations: Sequence[Annotation], control: Control, passage: Passage, unusable: list[tuple[str, str]]
) -> Iterator[tuple[Annotation, tuple[Span, ...]]]:
    """Each annotation with its spans. `unusable` gets what is no span of the first, which is the one that counts."""
    for rank, annotation in enumerate(annotations):
        yield annotation, tuple(_spans(annotation.result, control, passage, [] if rank else unusable))


def _spans(result: object, control: Control, passage: Passage, unusable: list[tuple[str, str]]) -> Iterator[Span]:
    """The spans of a control's regions. `unusable` gets (reason, label) for each part of a region that is no span.

    An end of a region before a joiner that nobody sees, as in Persian, is moved behind it: else it is inside a cluster.
    """
    wording_of = control.wording_of
    for region in result if isinstance(result, list) else []:
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
                start, end = (behind_unseen(passage.text, place) for place in stretch)
                yield Span(start, end, wording_of[label], 1.0)
            else:
                unusable.append(("the label is no longer in the label config", str(label)))
