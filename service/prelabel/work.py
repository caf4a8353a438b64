"""One pre-labelling: reads tasks without a prediction in pages, asks the backend in batches, writes page by page.

It may be killed anywhere. What is written is never predicted again: Label Studio itself is asked which tasks lack a
prediction of the version, when pages are read and again before each is written. A kill leaves one page in doubt, the
one that was being sent: Label Studio may store it after this process has gone. The next process looks at that page
again when it has done everything else, and deletes what came twice.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from service.labelstudio.pages import Filter, Page
from service.labelstudio.predictions import BARE, NotKnown, Predictions
from service.prelabel.progress import Outcome, Prelabelling, now

log = logging.getLogger(__name__)

BATCH_FIRST = 16
"""Tasks of the first batch, before it is known how long a task takes."""
BATCH_MAX = 256
BATCH_SECONDS = 2.0
"""A batch is chosen to take about so long, so that the pause between two of them comes often."""
BATCH_CHARACTERS = 400_000
"""Characters of a batch's tasks: larger bodies wait for one of the backend's few places for such."""
SETTLE_SECONDS = 20.0
"""So long after its start a process looks at what the one before it left in doubt, at the earliest."""
UNKNOWN_SECONDS = 10.0
"""After a write without an answer: seconds until Label Studio is asked what it has stored."""
WRITES_MAX = 5
"""How often the predictions of a page are sent, at most."""
SHARD_TASKS = 1000
"""Tasks whose ids have the same quotient by this are of one shard, so that a shard's tasks stand together in pages."""

Item = dict[str, Any]


class Source(Protocol):
    """What predicts."""

    def version(self, project: int, label_config: str) -> str: ...

    def predict(self, project: int, label_config: str, tasks: Sequence[dict[str, Any]]) -> list[Item]: ...


class Stopped(Exception):
    """The process was asked to end."""


class VersionChanged(Exception):
    """Another version answers now; the message names it."""


class Work:
    """One process's share of a pre-labelling."""

    def __init__(
        self,
        stands: Prelabelling,
        label_config: str,
        filters: Sequence[Filter],
        source: Source,
        predictions: Predictions,
        report: Callable[[Prelabelling], None],
        pause: float = 0.0,
    ) -> None:
        """`stands` is where it begins, with its version; `report` is told whenever that has changed."""
        self.stands = stands
        self._config = label_config
        self._filters = [*filters, predictions.lacking]
        self._source = source
        self._predictions = predictions
        self._report = report
        self._pause = pause
        self._began = time.monotonic()
        self._batch = float(BATCH_FIRST)
        self._stopping = False

    def stop(self) -> None:
        """End after the page that is being worked on."""
        self._stopping = True

    def run(self) -> Outcome:
        """All pages. Raises LabelStudioError, ProjectGone and BackendError; then what is written stays written."""
        outcome: Outcome = "done"
        try:
            for page in self._pages():
                self._do(page)
        except VersionChanged as changed:
            outcome = "version changed"
            self._know(message=str(changed))
        except Stopped:
            outcome = "stopped"
        self._settle()
        self._know(outcome=outcome, message=self.stands.message or self._told(outcome), writing=None)
        return outcome

    def _pages(self) -> Iterator[Page]:
        """The pages of this shard's tasks that have no prediction of the version."""
        shard, shards = self.stands.shard, self.stands.shards
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
            after = until

    def _count(self, left: int) -> None:
        if not self.stands.total:
            self._know(total=left)

    def _do(self, page: Page) -> None:
        """Predict and write one page, at least as far as the version goes."""
        if self._stopping:
            raise Stopped
        items: list[Item] = []
        other = ""
        for batch in self._batches(page.tasks):
            found, other = self._predicted(batch)
            items += found
            if other:
                break
        self._write(items)
        if other:
            raise VersionChanged(
                f"Version {other} answers now. The predictions of {self.stands.version} that were made before are "
                "written. Run this again: it predicts the tasks that have none of the new version."
            )

    def _batches(self, tasks: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
        begin = 0
        while begin < len(tasks):
            end, characters = begin, 0
            while end < len(tasks) and end - begin < int(self._batch):
                characters += len(str(tasks[end].get("data")))
                if characters > BATCH_CHARACTERS and end > begin:
                    break
                end += 1
            began = time.monotonic()
            yield tasks[begin:end]
            seconds = time.monotonic() - began
            self._batch = min(max(self._batch * min(BATCH_SECONDS / max(seconds, 1e-3), 2.0), 1.0), BATCH_MAX)
            time.sleep(seconds * self._pause)
            begin = end

    def _predicted(self, tasks: Sequence[dict[str, Any]]) -> tuple[list[Item], str]:
        """The predictions of tasks by the version, and the name of another version where one answered."""
        made: list[Item] = []
        reasons: Counter[str] = Counter()
        other = ""
        answers = self._source.predict(self.stands.project, self._config, tasks)
        for task, item in zip(tasks, answers, strict=True):
            if item["model_version"] != self.stands.version:
                other = str(item["model_version"])
                continue
            if "error" in item:
                reasons[str(item["error"])] += 1
            if "result" in item:  # a task that cannot be read has an empty prediction with score 0, which sorts first
                made.append({"task": task["id"], **{key: item[key] for key in ("result", "score", "model_version")}})
        if reasons:
            told = Counter(self.stands.reasons) + reasons
            self._know(failed=self.stands.failed + reasons.total(), reasons=dict(told))
        return made, other

    def _write(self, items: Sequence[Item]) -> None:
        """Write predictions of tasks that have none yet."""
        if not items:
            return
        first, last = items[0]["task"], items[-1]["task"]
        for attempt in range(1, WRITES_MAX + 1):
            there = self._predictions.having(first, last)
            left = [item for item in items if item["task"] not in there]
            skipped = 0 if attempt > 1 else len(items) - len(left)
            self._know(writing=(first, last), skipped=self.stands.skipped + skipped)
            try:
                stored = self._predictions.write(left) if left else 0
            except NotKnown as error:
                if attempt == WRITES_MAX:
                    raise
                log.warning("whether a page was stored is not known (%s); Label Studio is asked", error)
                self._know(in_doubt=(*self.stands.in_doubt, (first, last)))
                time.sleep(UNKNOWN_SECONDS)
                continue
            refused = len(left) - stored
            reasons = self.stands.reasons | ({"Label Studio did not take it": refused} if refused else {})
            written = len(items) - skipped - refused if attempt > 1 else stored
            self._know(
                writing=None,
                written=self.stands.written + written,
                failed=self.stands.failed + refused,
                reasons=reasons,
            )
            return

    def _settle(self) -> None:
        """Look again at the pages that were in doubt, and delete what came twice."""
        if not self.stands.in_doubt:
            return
        time.sleep(max(0.0, self._began + SETTLE_SECONDS - time.monotonic()))
        for first, last in self.stands.in_doubt:
            deleted = self._predictions.delete_surplus(first, last)
            if deleted:
                log.warning("%d predictions had been stored twice; the second ones were deleted", deleted)
        self._know(in_doubt=())

    def _know(self, **facts: Any) -> None:
        self.stands = self.stands.model_copy(update={**facts, "updated": now()})
        self._report(self.stands)

    def _told(self, outcome: Outcome) -> str:
        done = {"done": "All tasks are done", "stopped": "Stopped; run this again to go on"}[outcome]
        return f"{done}: {summary(self.stands)}."


def summary(stands: Prelabelling) -> str:
    """What was done, in words."""
    parts = [f"{stands.written:,} predictions of {stands.version} written"]
    if stands.skipped:
        parts.append(f"{stands.skipped:,} were there already")
    parts += [f"{count:,} × {reason}" for reason, count in sorted(stands.reasons.items())]
    return ", ".join(parts)
