"""Tasks cut into batches for the backend, and the answers to them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from service.errors import LATE
from service.prelabel.backend import BatchFailed
from service.prelabel.stopping import Stopping

log = logging.getLogger(__name__)

BATCH_FIRST = 16
"""Tasks of the first batch, before it is known how long a task takes."""
BATCH_MAX = 256
BATCH_SECONDS = 2.0
"""A batch is chosen to take about so long, so that the pause between two of them comes often."""
BATCH_CHARACTERS = 400_000
"""Characters of a batch's tasks: larger bodies wait for one of the backend's few places for such."""
TRIES = 3
"""How often a batch is asked for before it is halved: a backend that is being replaced breaks off a request or two."""
ROUNDS = 4
"""How often tasks without a result are asked for again. What was not late is asked for again once."""
SMALLER = 4
"""Each round asks for so many times fewer tasks at once than the one before: the last one asks for one of 256."""

Item = dict[str, Any]


class Source(Protocol):
    """What predicts. Raises BatchFailed for a batch that it does not answer, though it answers others."""

    def version(self, project: int, label_config: str) -> str: ...

    def predict(self, project: int, label_config: str, tasks: Sequence[Item]) -> list[Item]: ...


class Batches:
    """Asks for the predictions of one project's tasks."""

    def __init__(self, source: Source, project: int, label_config: str, stopping: Stopping, pause: float = 0.0) -> None:
        """`pause`: it rests after each batch for so many times as long as the batch took."""
        self._source = source
        self._project = project
        self.label_config = label_config
        """What the backend is sent; it may be replaced between two batches."""
        self._stopping = stopping
        self._pause = pause
        self._size = float(BATCH_FIRST)

    def predicted(self, tasks: Sequence[Item]) -> Iterator[list[tuple[Item, Item]]]:
        """Tasks with their items, batch by batch. Raises BackendError; Stopped where it is asked to end meanwhile."""
        begin = 0
        while begin < len(tasks):
            batch = tasks[begin : begin + self._fitting(tasks, begin)]
            began = time.monotonic()
            answered = list(zip(batch, self._items(batch), strict=True))
            seconds = time.monotonic() - began
            self._size = min(max(self._size * min(BATCH_SECONDS / max(seconds, 1e-3), 2.0), 1.0), BATCH_MAX)
            yield answered
            begin += len(batch)
            if self._pause:
                self._stopping.rest(seconds * self._pause)

    def _fitting(self, tasks: Sequence[Item], begin: int) -> int:
        """How many of the tasks from `begin` on are of the next batch."""
        end, characters = begin, 0
        while end < len(tasks) and end - begin < int(self._size):
            characters += len(str(tasks[end].get("data")))
            if characters > BATCH_CHARACTERS and end > begin:
                break
            end += 1
        return end - begin

    def _items(self, tasks: Sequence[Item]) -> list[Item]:
        """One item a task. Tasks whose items have no result are asked for again: they may have been late only."""
        items = self._answers(tasks, TRIES)
        size, left = len(tasks), _without_result(items)
        for _ in range(ROUNDS):
            size = max(size // SMALLER, 1)
            for begin in range(0, len(left), size):
                if self._stopping.is_set():
                    return items
                places = left[begin : begin + size]
                for place, item in zip(places, self._answers([tasks[one] for one in places], 1), strict=True):
                    items[place] = item
            left = [place for place in _without_result(items) if LATE in str(items[place].get("error"))]
        return items

    def _answers(self, tasks: Sequence[Item], tries: int) -> list[Item]:
        """One item a task. A batch that keeps failing is halved, down to the task that alone has to be given up."""
        for _ in range(tries):
            try:
                return self._source.predict(self._project, self.label_config, tasks)
            except BatchFailed as error:
                why = str(error)
        if len(tasks) == 1:
            log.warning("task %s is given up: %s", tasks[0]["id"], why)
            return [{"error": why}]
        middle = len(tasks) // 2
        return [*self._answers(tasks[:middle], 1), *self._answers(tasks[middle:], 1)]


def _without_result(items: Sequence[Item]) -> list[int]:
    return [place for place, item in enumerate(items) if "result" not in item]
