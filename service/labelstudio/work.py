"""What people made of predictions: each annotation of a task, beside the stored prediction that it began with.

All is read from Label Studio's records, so it does not depend on which events came, how often and in which order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from service.errors import Cause
from service.labelstudio.controls import Control
from service.labelstudio.marks import Mark, marks_of
from service.labelstudio.passages import Passage, passages_of
from service.labelstudio.unread import Unread

SEEN = re.compile(r"(.+)\.[0-9a-f]{6}")
"""A version as Label Studio sees it; see `service.versions.names.seen_version`."""

COPIED = "nobody has saved them since they were imported or copied from predictions"
NO_PREDICTION = "they did not begin with a prediction of Spanloop"


class Work(NamedTuple):
    """One annotation in its present state, and what it began with."""

    version: str
    """The version of the prediction, without the suffix that Label Studio sees."""
    predicted: frozenset[Mark]
    annotated: frozenset[Mark]


class StoredPrediction(msgspec.Struct):
    """Its fields, as those of an annotation, have no defaults: an answer without one must not be counted as another."""

    id: int
    created_at: datetime
    result: Any
    model_version: str | None


class StoredAnnotation(msgspec.Struct):
    id: int
    created_at: datetime
    result: Any
    was_cancelled: bool | None
    parent_prediction: int | None
    updated_by: Any
    """Who saved it last; null where Label Studio copied predictions in bulk or imported annotations (1.23.2)."""
    draft_created_at: datetime | None = None

    @property
    def begun(self) -> datetime:
        return min(self.created_at, self.draft_created_at or self.created_at)


class StoredTask(msgspec.Struct):
    """A task as `service.labelstudio.pages` reads it."""

    id: int
    annotations: list[StoredAnnotation]
    predictions: list[StoredPrediction]
    data: Any = None


def work_of(task: StoredTask, controls: Sequence[Control]) -> Iterator[Work | str]:
    """The work of each annotation of a task, or why it is not counted, in words that follow "12 ×".

    An annotation began with the prediction that Label Studio names (`parent_prediction`). Where it names none, it began
    with the newest one of Spanloop that was stored before. A skipped task (a cancelled annotation) is nobody's work.
    """
    saved = [annotation for annotation in task.annotations if not annotation.was_cancelled]
    read = _read(task, controls) if saved else []
    for annotation in saved:
        prediction = _begun_with(annotation, task.predictions)
        if annotation.updated_by is None:
            yield COPIED
        elif prediction is None:
            yield NO_PREDICTION
        elif isinstance(read, Unread):
            yield f"the text was not read: {read}"
        else:
            yield Work(_version(prediction), marks_of(prediction.result, read), marks_of(annotation.result, read))


def _begun_with(annotation: StoredAnnotation, stored: Sequence[StoredPrediction]) -> StoredPrediction | None:
    if annotation.parent_prediction is not None:
        candidates = [one for one in stored if one.id == annotation.parent_prediction]
    else:
        candidates = [one for one in stored if one.created_at <= annotation.begun]
    ours = [one for one in candidates if _version(one)]
    return max(ours, key=lambda one: (one.created_at, one.id), default=None)


def _version(prediction: StoredPrediction) -> str:
    """The version without the suffix that Label Studio sees; empty for a prediction that is not Spanloop's."""
    found = SEEN.fullmatch(prediction.model_version or "")
    return found[1] if found else ""


def _read(task: StoredTask, controls: Sequence[Control]) -> list[tuple[Control, Passage]] | Unread:
    """The passages of a task, or why it was not predicted. Texts at addresses are not fetched.

    As in a prediction, a task that has a text under one of several tags is read, and one with a text that cannot be
    read is not read in part.
    """
    read: list[tuple[Control, Passage]] = []
    unread: list[Unread] = []
    for control, passage in passages_of(task.data if isinstance(task.data, dict) else {}, controls):
        if isinstance(passage, Unread):
            unread.append(passage)
        else:
            read.append((control, passage))
    broken = [one for one in unread if one.cause not in (Cause.NO_TEXT, Cause.NO_LABELS)]
    return next(iter([*broken, *([] if read else unread)]), read)
