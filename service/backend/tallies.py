"""Which tasks of a project were not read, and why: counted for the status page."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from service.backend.reading import TaskReading

TASKS_MAX = 200_000
"""Tasks that are remembered of a project; beyond that its counting begins anew."""
PROJECTS_MAX = 200
"""Projects that are remembered; beyond that the one that was asked for longest ago is forgotten."""
REASONS_TOLD = 5
"""So many reasons are told of a project, the most frequent ones."""


@dataclass
class Tally:
    """The tasks of one project, each once, by its latest reading."""

    labels: str
    """The canonical text of the label config that they were read by."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Why a task was not read, wholly or in part, by the task's id; empty for a task that was."""


class Tallies:
    """The tallies of all projects since this backend started. May be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[int, Tally] = OrderedDict()

    def count(self, project: int | None, labels: str, tasks: Iterable[tuple[object, TaskReading]]) -> None:
        """Count tasks by their ids. With another label config a project's counting begins anew."""
        if project is None:
            return
        read = [(task, _reason(reading)) for task, reading in tasks if isinstance(task, int)]
        with self._lock:
            tally = self._known.get(project)
            if tally is None or tally.labels != labels or len(tally.reasons) > TASKS_MAX:
                self._known[project] = tally = Tally(labels)
            tally.reasons.update(read)
            self._known.move_to_end(project)
            if len(self._known) > PROJECTS_MAX:
                self._known.popitem(last=False)

    def told(self, project: int) -> list[str]:
        """What of a project's tasks was not read, in words for the status page."""
        with self._lock:
            tally = self._known.get(project)
            counted = Counter(tally.reasons.values()) if tally else Counter[str]()
        total = counted.total()
        del counted[""]
        return [f"{count} of {total} tasks: {reason}." for reason, count in counted.most_common(REASONS_TOLD)]


def _reason(reading: TaskReading) -> str:
    return str(reading.failure or reading.unread[0]) if reading.unread else ""
