"""A file of exported tasks, a JSON array with one task a line. It is written page by page and survives a kill.

It is `NAME.partial` until all tasks are in it. A writer that finds such a file goes on behind its last whole line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any


class TaskFile:
    """Writes tasks in ascending order of their ids. A context: leaving it closes the file."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_suffix(".partial")
        self._opened = self._partial.open("a+b")
        self.last, self.count = self._resume()
        """The id of the last task in the file (-1 for none), and how many tasks it has."""

    @staticmethod
    def discard(target: Path) -> None:
        """Delete a file and what was written of it. Raises OSError."""
        target.unlink(missing_ok=True)
        target.with_suffix(".partial").unlink(missing_ok=True)

    def __enter__(self) -> TaskFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.close()

    def append(self, tasks: Iterable[dict[str, Any]]) -> None:
        """Add the tasks of a page; once this returns, a kill of the process does not lose them. Raises OSError."""
        for task in tasks:
            self._opened.write(b"," if self.count else b"[")
            self._opened.write(json.dumps(task).encode() + b"\n")
            self.last, self.count = task["id"], self.count + 1
        self._opened.flush()

    def finish(self) -> None:
        """End the array and give the file its name. Raises OSError."""
        self._opened.write(b"]\n" if self.count else b"[]\n")
        self._opened.flush()
        os.fsync(self._opened.fileno())
        self._opened.close()
        self._partial.replace(self._target)

    def _resume(self) -> tuple[int, int]:
        """Cut off what follows the last whole task. Returns that task's id and how many tasks there are."""
        self._opened.seek(0)
        last, count, end = -1, 0, 0
        for line in self._opened:
            found = _task_id(line)
            if found is None:
                break
            last, count, end = found, count + 1, end + len(line)
        self._opened.truncate(end)
        return last, count


def _task_id(line: bytes) -> int | None:
    """The id of the task on a line; None for a line that was not written to its end."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line[1:])["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
