"""From tasks to what the extractor is asked: each task's passages, and why a task has none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from service.backend.settings import BackendSettings
from service.errors import Cause
from service.extractor.questions import NOT_REACHED, Answer, Failure, Question
from service.labelstudio.controls import Control
from service.labelstudio.messages import Task, UnreadableTask
from service.labelstudio.passages import Passage, Stopped, passages_of
from service.labelstudio.remote_texts import FETCHES, RemoteTexts, not_in_time
from service.labelstudio.unread import Unread
from service.model.reading import Overlap


@dataclass(frozen=True)
class Read:
    """One passage of one task, and the control that marks in it."""

    task: int
    """The task's place among those asked for."""
    control: Control
    passage: Passage


@dataclass
class TaskReading:
    """What there is to read in one task."""

    reads: list[Read] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    @property
    def failure(self) -> Unread | None:
        """Why the task gets no prediction; None where it gets one.

        A task that has a text under one of several tags is predicted for that one. One with a text that cannot be read
        is not predicted in part: the rest would look like all that there is.
        """
        broken = [one for one in self.unread if one.cause not in (Cause.NO_TEXT, Cause.NO_LABELS)]
        return next(iter([*broken, *([] if self.reads else self.unread)]), None)


HELD_MAX = 400_000_000
"""Bytes that the readings of one request hold, about. A config may show one text in many ways."""
LABEL_BYTES = 200
"""What a label takes."""


@dataclass
class Limit:
    """How long tasks are read: until a time by `time.monotonic`, while somebody waits for them and memory allows it."""

    until: float
    given_up: bool = False
    """Whether nobody waits any more."""
    _held: set[int] = field(default_factory=set)
    """The identities of what the readings hold."""
    _bytes: int = 0

    def hold(self, read: Read) -> None:
        """Count what a reading holds. Raises Stopped for too much."""
        labels, passage = read.control.labels, read.passage
        for held, size in ((labels, LABEL_BYTES * len(labels)), (passage, passage.size)):
            if id(held) not in self._held:
                self._held.add(id(held))
                self._bytes += size
        if self._bytes > HELD_MAX:
            raise Stopped

    def check(self) -> None:
        """Raises Stopped where the reading should end."""
        if self.given_up or time.monotonic() > self.until:
            raise Stopped


class Reader:
    """Reads tasks. Its methods take a while: not on the event loop, where /health must be answered meanwhile."""

    def __init__(self, settings: BackendSettings) -> None:
        self._most = settings.max_text_characters
        self._texts = RemoteTexts(settings.text_hosts, self._most)

    def read(self, tasks: Sequence[Task], controls: Sequence[Control], limit: Limit) -> list[TaskReading]:
        """What there is to read in each task, in order. A task that is not read within the limit says so.

        Raises Stopped where the reading was given up.
        """
        read = partial(self._read_within, controls=controls, limit=limit)
        if not any(control.shown.is_url for control in controls):
            return [read(index, task) for index, task in enumerate(tasks)]
        pool = ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch")
        try:
            waiting = [pool.submit(read, index, task) for index, task in enumerate(tasks)]
            return [_in_time(reading, limit.until) for reading in waiting]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a server that drips keeps nobody waiting

    def _read_within(self, index: int, task: Task, controls: Sequence[Control], limit: Limit) -> TaskReading:
        try:
            return self._read(index, task, controls, limit)
        except Stopped:
            if limit.given_up:
                raise
            return TaskReading(unread=[Unread(NOT_REACHED, Cause.DEADLINE, is_lasting=False)])

    def _read(self, index: int, task: Task, controls: Sequence[Control], limit: Limit) -> TaskReading:
        reading = TaskReading()
        if isinstance(task, UnreadableTask):
            reading.unread.append(Unread(task.reason, Cause.BAD_TEXT))
            return reading
        fetch = partial(self._texts.fetch, deadline=limit.until)
        for control, passage in passages_of(task.fields, controls, fetch, self._most, limit.check):
            if isinstance(passage, Unread):
                reading.unread.append(passage)
            else:
                read = Read(index, control, passage)
                limit.hold(read)
                reading.reads.append(read)
        return reading


def _in_time(reading: Future[TaskReading], deadline: float) -> TaskReading:
    """A task's reading; one that is not there at the deadline says so."""
    try:
        return reading.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return TaskReading(unread=[not_in_time()])


def questions(
    readings: Sequence[TaskReading], thresholds: Mapping[str, float], overlap: Overlap | None = None
) -> tuple[list[Question], list[list[Read]]]:
    """What to ask of readings that get a prediction, and for each question the passages of its texts.

    Passages with the same labels are asked together. `thresholds` are those of single labels, by the region's value;
    `overlap` says which spans may share words, None for what the version was tuned for.
    """
    reads = [read for reading in readings if reading.failure is None for read in reading.reads]
    groups = [list(group) for _, group in groupby(sorted(reads, key=_labels), key=_labels)]
    return [_question(group, thresholds, overlap) for group in groups], groups


def _labels(read: Read) -> tuple[tuple[str, str], ...]:
    return read.control.labels


def _question(reads: Sequence[Read], thresholds: Mapping[str, float], overlap: Overlap | None) -> Question:
    control = reads[0].control
    own = {wording: thresholds[label] for wording, label in control.value_of.items() if label in thresholds}
    return Question([read.passage.text for read in reads], control.wordings, own, overlap)


def note_unread(readings: Sequence[TaskReading], asked: Sequence[Sequence[Read]], answer: Answer) -> None:
    """Note in the readings which passages the model could not read; `asked` are those of each question."""
    for reads, items in zip(asked, answer.items, strict=True):
        for read, item in zip(reads, items, strict=True):
            if isinstance(item, Failure) and item.is_unread:
                readings[read.task].unread.append(Unread(item.reason, Cause.UNKNOWN_WORDS))


def unread_of(readings: Sequence[TaskReading]) -> Iterator[Unread]:
    """Everything that was not read, for the counts."""
    return (unread for reading in readings for unread in reading.unread)
