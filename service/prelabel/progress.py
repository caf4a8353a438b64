"""Where a pre-labelling stands: a JSON file for each project and shard, which it writes and the backend reads."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from service.files import replace_text

FOLDER = "prelabel"
REASONS_MAX = 100
"""So many reasons are kept: some hold what no two tasks share."""
OTHERS = "other reasons"

Outcome = Literal["done", "version changed", "stopped", "failed"]


def now() -> datetime:
    return datetime.now(UTC)


def latest(some: Mapping[str, datetime], others: Mapping[str, datetime]) -> dict[str, datetime]:
    """The times of both, and the later one of a name that is in both."""
    return {name: max(one[name] for one in (some, others) if name in one) for name in {*some, *others}}


def most_frequent(*some: Mapping[str, int], number: int = REASONS_MAX) -> dict[str, int]:
    """The sums of numbers of tasks by reason: so many of the most frequent reasons, and all others as one."""
    summed: Counter[str] = Counter()
    for one in some:
        summed.update(one)
    others = summed.pop(OTHERS, 0)
    kept = dict(summed.most_common(number))
    others += summed.total() - sum(kept.values())
    return {**kept, OTHERS: others} if others else kept


class Prelabelling(BaseModel):
    """How far a pre-labelling of one project is."""

    project: int
    version: str = ""
    """The version whose predictions are written, as Label Studio sees it."""
    view: int | None = None
    """The Data Manager's view whose tasks are predicted; None for all tasks."""
    shard: int = 0
    shards: int = 1
    """This process does the tasks of shard `shard` of so many."""
    total: int = 0
    """Tasks that had no prediction of the version when it began, those of other shards among them."""
    written: int = 0
    """Predictions that were written."""
    skipped: int = 0
    """Tasks that got a prediction of the version from elsewhere meanwhile."""
    failed: int = 0
    """Tasks that have no prediction since they could not be predicted."""
    reasons: dict[str, int] = {}
    """Why tasks failed or could not be read, and how many."""
    unread: dict[str, int] = {}
    """Those of `reasons` whose tasks could not be read. They got an empty prediction: `written` counts them."""
    in_doubt: dict[str, datetime] = {}
    """Versions whose predictions may be stored twice, since Label Studio may still be storing some that it gave no
    answer for, and the time from which on it stores none of them any more."""
    started: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)
    outcome: Outcome | None = None
    message: str = ""
    waits: str = ""
    """Why it does not go on at present; empty while it does, and after the end."""
    job: str = ""
    """On a cluster the name of its Job; empty on one machine."""

    @property
    def done(self) -> int:
        return self.written + self.skipped + self.failed

    @property
    def percent(self) -> float:
        """How much of this shard is done, roughly: shards have about as many tasks each."""
        if self.outcome == "done":
            return 100.0
        return min(99.0, 100.0 * self.done * self.shards / self.total) if self.total else 0.0


class Standing:
    """How far this process is. `report` is told whenever that has changed."""

    def __init__(self, stands: Prelabelling, report: Callable[[Prelabelling], None]) -> None:
        self.now = stands
        self._report = report

    def know(self, **facts: Any) -> None:
        self.now = self.now.model_copy(update={**facts, "updated": now()})
        self._report(self.now)

    def end(self, outcome: Outcome, message: str) -> None:
        self.know(outcome=outcome, message=message, waits="")

    def count(
        self, written: int = 0, skipped: int = 0, failed: Mapping[str, int] = {}, unread: Mapping[str, int] = {}
    ) -> None:
        """So many more tasks are done. `failed` and `unread` are numbers of tasks by reason; `written` counts the
        latter."""
        if written or skipped or failed:
            self.know(
                written=self.now.written + written,
                skipped=self.now.skipped + skipped,
                failed=self.now.failed + sum(failed.values()),
                reasons=most_frequent(self.now.reasons, failed, unread),
                unread=most_frequent(self.now.unread, unread),
            )


class Busy(RuntimeError):
    """Another process pre-labels the same tasks."""


class Prelabellings:
    """The pre-labellings of a home directory."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def all(self) -> list[Prelabelling]:
        """Those that can be read, the one that changed last first. One without an outcome may have been killed."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(Prelabelling.model_validate_json(path.read_text(encoding="utf-8")))
            except (ValidationError, FileNotFoundError, UnicodeDecodeError):
                continue
        return sorted(found, key=lambda one: one.updated, reverse=True)

    def last(self, project: int, shard: int, shards: int) -> Prelabelling | None:
        """How the last one of these tasks stands or ended."""
        return next(
            (one for one in self.all() if (one.project, one.shard, one.shards) == (project, shard, shards)), None
        )

    def is_first(self, prelabelling: Prelabelling) -> bool:
        """Whether this home knows of no earlier process of these tasks."""
        return not self._path(prelabelling, "json").exists()

    def left_in_doubt(self, held: Prelabelling) -> dict[str, datetime]:
        """What was in doubt when earlier processes of a project ended: of the tasks that are held, and of others."""
        found: dict[str, datetime] = {}
        for one in self.all():
            if one.project == held.project and (self._path(one, "json") == self._path(held, "json") or self._left(one)):
                found = latest(found, one.in_doubt)
        return found

    def settled(self, project: int, doubts: Mapping[str, datetime]) -> None:
        """Nothing of a project is in doubt any more that was so by these times at the latest."""
        for one in self.all():
            if one.project == project and self._left(one):
                left = {of: time for of, time in one.in_doubt.items() if of not in doubts or time > doubts[of]}
                self.save(one.model_copy(update={"in_doubt": left}))

    def save(self, prelabelling: Prelabelling) -> None:
        replace_text(self._path(prelabelling, "json"), prelabelling.model_dump_json(indent=1))

    def log(self, project: int) -> Path:
        """Where the output of a pre-labelling goes that the backend starts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"project-{project}.log"

    def hold(self, prelabelling: Prelabelling) -> int:
        """Hold the lock of these tasks until the process ends: a file descriptor. Raises Busy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path(prelabelling, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise Busy(
                f"Project {prelabelling.project} is being pre-labelled already; nothing was started. The status page "
                "shows how far it is."
            ) from None
        return handle

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        """Whether a process does these tasks now."""
        path = self._path(prelabelling, "lock")
        if not path.exists():
            return False
        with path.open("rb") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def _left(self, one: Prelabelling) -> bool:
        return bool(one.in_doubt) and not self.is_alive(one)

    def _path(self, of: Prelabelling, ending: str) -> Path:
        shard = f"-{of.shard}-of-{of.shards}" if of.shards > 1 else ""
        return self.folder / f"project-{of.project}{shard}.{ending}"
