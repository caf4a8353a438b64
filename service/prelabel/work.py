"""One pre-labelling: reads tasks without a prediction in pages, asks the backend in batches, writes what it answers.

It may be killed anywhere. What is written is never predicted again: Label Studio itself is asked which tasks lack a
prediction of the version, when pages are read and again before each write. What was being sent when a process was
killed, or got no answer, may still be stored when it is sent again. So predictions are counted at the end, once nothing
that was sent before can be stored any more, and those that came twice are deleted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from service.labelstudio.pages import Filter, Page
from service.labelstudio.predictions import BARE, Predictions
from service.prelabel.backend import BackendError
from service.prelabel.batches import Batches, Item
from service.prelabel.live import Live, VersionChanged
from service.prelabel.progress import Outcome, Prelabelling, Standing, latest, now
from service.prelabel.stopping import Stopped, Stopping
from service.prelabel.writing import Writer

log = logging.getLogger(__name__)

SHARD_TASKS = 1000
"""Tasks whose ids have the same quotient by this are of one shard, so that a shard's tasks stand together in pages."""


class Work:
    """One process's share of a pre-labelling."""

    def __init__(
        self,
        standing: Standing,
        live: Live,
        filters: Sequence[Filter],
        batches: Batches,
        predictions: Predictions,
        writer: Writer,
        stopping: Stopping,
    ) -> None:
        self._standing = standing
        self._live = live
        self._filters = [*filters, predictions.lacking]
        self._batches = batches
        self._predictions = predictions
        self._writer = writer
        self._stopping = stopping

    def run(self) -> Outcome:
        """All pages. Raises LabelStudioError, ProjectGone and BackendError; then what is written stays written.

        Unless all tasks are done, what is in doubt stays so for the next process.
        """
        outcome: Outcome = "done"
        message = ""
        try:
            self._predict()
            self._settle()
        except VersionChanged as changed:
            outcome, message = "version changed", str(changed)
        except Stopped:
            outcome = "stopped"
        self._standing.end(outcome, message or _told(outcome, self._standing.now))
        return outcome

    def _predict(self) -> None:
        """Predict and write all pages. What was predicted is written, whatever ends it."""
        try:
            for page in self._pages():
                self._predict_page(page.tasks)
            self._live.compare(self._batches)
        except (BackendError, VersionChanged, Stopped):
            self._writer.flush()
            raise
        self._writer.flush()

    def _predict_page(self, tasks: Sequence[Item]) -> None:
        """Tasks that another version has answered are asked for again, if that one does not stay."""
        while tasks:
            left: list[Item] = []
            for answered in self._batches.predicted(tasks):
                left += self._taken(answered)
            if left:
                self._writer.flush()  # it takes tasks by ascending ids
            tasks = left

    def _pages(self) -> Iterator[Page]:
        """The pages of this shard's tasks that have no prediction of the version."""
        shard, shards = self._standing.now.shard, self._standing.now.shards
        after = -1
        while True:
            until = None
            if shards > 1:
                first = next(self._predictions.pages(size=1).read(self._filters, after, BARE), None)
                if first is None:
                    return
                self._count(first.left)
                block = first.tasks[0]["id"] // SHARD_TASKS
                block += (shard - block) % shards
                after, until = max(after, block * SHARD_TASKS - 1), (block + 1) * SHARD_TASKS - 1
            for page in self._predictions.pages().read(self._filters, after, BARE, until=until):
                self._count(page.left)
                yield page
            if until is None:
                return
            self._writer.flush()  # a write asks for the tasks between its ids: those of other shards stay out
            after = until

    def _count(self, left: int) -> None:
        if not self._standing.now.total:
            self._standing.know(total=left)

    def _taken(self, answered: Sequence[tuple[Item, Item]]) -> list[Item]:
        """Take over what a batch answered, as far as the version goes: the tasks that another one answered."""
        failed: Counter[str] = Counter()
        others: list[tuple[Item, str]] = []
        for task, item in answered:
            version = str(item.get("model_version", self._live.version))
            if version != self._live.version:
                others.append((task, version))
            elif "result" in item:  # a task that cannot be read has an empty prediction with score 0: it sorts first
                self._writer.add(task["id"], item)
            else:
                failed[str(item.get("error"))] += 1
        self._standing.count(failed=failed)
        if self._stopping.is_set():
            raise Stopped
        if others:
            self._writer.flush()
            task, version = others[-1]
            self._live.outlast(version, task)
        if self._writer.is_due:
            self._writer.flush()
        self._live.look(self._batches)
        return [task for task, _ in others]

    def _settle(self) -> None:
        """Delete what came twice, once nothing that was in doubt can be stored any more."""
        doubts = self._standing.now.in_doubt
        wait = max((until - now()).total_seconds() for until in [*doubts.values(), now()])
        if wait > 0:
            log.info("all tasks are done; what Label Studio may still store twice is waited for %.0f s", wait)
            self._standing.know(waits="all tasks are done; what Label Studio may still store twice is waited for")
            self._stopping.rest(wait)
        for version in latest(doubts, {self._live.version: now()}):
            deleted = self._predictions.of(version).delete_surplus(self._writer.ids)
            if deleted:
                log.warning("%d predictions of %s were stored twice; the second ones were deleted", deleted, version)
        self._standing.know(in_doubt={})


def _told(outcome: Outcome, stands: Prelabelling) -> str:
    begin = "All tasks are done" if outcome == "done" else "Stopped; run this again to go on"
    return f"{begin}: {summary(stands)}."


def summary(stands: Prelabelling) -> str:
    """What was done, in words."""
    parts = [f"{stands.written:,} predictions of {stands.version} written"]
    if stands.skipped:
        parts.append(f"{stands.skipped:,} were there already")
    parts += [f"{count:,} × {reason}" for reason, count in sorted(stands.reasons.items())]
    return ", ".join(parts)
