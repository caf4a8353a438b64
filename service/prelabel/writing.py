"""Predictions on their way to Label Studio: gathered, and stored in requests that a proxy lets through."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from service.labelstudio.errors import LabelStudioError
from service.labelstudio.pages import Filter
from service.labelstudio.predictions import Ids, NotKnown, NotStored, Predictions
from service.prelabel.batches import Item
from service.prelabel.progress import Standing, now
from service.prelabel.stopping import Stopping

log = logging.getLogger(__name__)

REQUEST_BYTES = 1_000_000
"""Bytes of a request: nginx refuses more than 1 MiB unless it is told otherwise (client_max_body_size)."""
GATHERED_BYTES = 750_000
"""So many bytes are written, since Label Studio counts all tasks of the project anew after each request."""
GATHERED_SECONDS = 30.0
"""What was predicted is written so long after the last write at the latest: a kill costs no more work."""
WRITE_SHARE = 10.0
"""Before that, it is written once predicting has taken so many times as long as the last write."""
GATHERED_SECONDS_MIN = 2.0
UNKNOWN_SECONDS = 10.0
"""After a write without an answer: seconds until Label Studio is asked what it has stored."""
WRITES_MAX = 5
"""How often predictions are sent, at most."""


Send = Callable[[Sequence[bytes]], int]
"""Sends predictions in one request: how many are stored. Raises NotKnown and NotStored."""


class Prediction(NamedTuple):
    task: int
    content: bytes
    """As JSON."""
    unread: str
    """Why the task could not be read; empty where it was."""


class Writer:
    """Writes predictions of one version. Those of tasks that have one already are left out."""

    def __init__(
        self,
        predictions: Predictions,
        filters: Sequence[Filter],
        version: str,
        standing: Standing,
        stopping: Stopping,
        settle: float,
    ) -> None:
        """`filters` choose the tasks that are predicted. `settle`: seconds after which Label Studio no longer stores
        what it has given no answer for."""
        self._predictions = predictions
        self._filters = filters
        self._version = version
        self._standing = standing
        self._stopping = stopping
        self._settle = timedelta(seconds=settle)
        self._gathered: list[Prediction] = []
        self._bytes = 0
        self._written = time.monotonic()
        self._took = 0.0
        self._sent: Ids | None = None
        self._unanswered: Ids | None = None

    @property
    def ids(self) -> list[Ids]:
        """Where predictions may be stored twice: from the first to the last task of writes without an answer, and of
        all writes."""
        return [ids for ids in (self._unanswered, self._sent) if ids]

    def add(self, task: int, item: Item) -> None:
        """Gather a task's prediction, by ascending ids; it is not written yet."""
        stored = {"task": task, "result": item["result"], "score": item["score"], "model_version": self._version}
        content = json.dumps(stored, separators=(",", ":")).encode()
        self._gathered.append(Prediction(task, content, str(item.get("error", ""))))
        self._bytes += len(self._gathered[-1].content)

    @property
    def is_due(self) -> bool:
        """Whether what is gathered should be written now."""
        patience = min(max(WRITE_SHARE * self._took, GATHERED_SECONDS_MIN), GATHERED_SECONDS)
        return self._bytes >= GATHERED_BYTES or time.monotonic() - self._written >= patience

    def flush(self) -> None:
        """Write what is gathered. Raises LabelStudioError, and Stopped where it waits."""
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        began = time.monotonic()
        for request in _requests(gathered):
            self._write(request)
        self._written = time.monotonic()
        self._took = self._written - began

    def _write(self, request: Sequence[Prediction]) -> None:
        left = self._lacking(request)
        self._standing.count(skipped=len(request) - len(left))
        if not self._stored(left, WRITES_MAX, self._predictions.write) and len(left) > 1:
            raise LabelStudioError(
                f"Label Studio, or a proxy in front of it, refused each of {len(left)} predictions, in the end one by "
                "one. None of them is stored; the log of whichever refused them says why."
            )

    def _stored(self, left: Sequence[Prediction], writes: int, send: Send) -> int:
        """Send predictions at most so many times: how many are stored.

        What is refused is halved and sent again. What Label Studio has left out is sent one by one.
        """
        if not left:
            return 0
        try:
            is_whole = self._send(left, send) == len(left)
        except NotKnown as error:
            if writes == 1:
                raise
            log.warning("whether %d predictions were stored is not known (%s); Label Studio is asked", len(left), error)
            self._stopping.rest(UNKNOWN_SECONDS)
            lacking = self._lacking(left)
            return self._counted(left, lacking) + self._stored(lacking, writes - 1, send)
        except NotStored as error:
            if len(left) == 1:
                log.warning("the prediction of task %d (%d bytes) is given up: %s", *_told(left[0]), error)
                self._standing.count(failed={f"its prediction was refused with {error.status}": 1})
                return 0
            middle = len(left) // 2
            return self._stored(left[:middle], writes, send) + self._stored(left[middle:], writes, send)
        lacking = [] if is_whole else self._lacking(left)
        return self._counted(left, lacking) + sum(self._stored([one], writes, self._alone) for one in lacking)

    def _counted(self, sent: Sequence[Prediction], lacking: Sequence[Prediction]) -> int:
        """Count as written what was sent and lacks no more."""
        left = {one.task for one in lacking}
        written = [one for one in sent if one.task not in left]
        self._standing.count(written=len(written), unread=Counter(one.unread for one in written if one.unread))
        return len(written)

    def _alone(self, contents: Sequence[bytes]) -> int:
        (content,) = contents
        self._predictions.write_alone(content)
        return 1

    def _send(self, left: Sequence[Prediction], send: Send) -> int:
        """One request: how many are stored. While its answer is not known, the version is in doubt."""
        before = self._standing.now.in_doubt
        self._doubt(before)
        self._sent = _widened(self._sent, left)
        try:
            stored = send([one.content for one in left])
        except NotKnown:
            self._unanswered = _widened(self._unanswered, left)
            self._doubt(before)
            raise
        except LabelStudioError:
            self._standing.know(in_doubt=before)
            raise
        self._standing.know(in_doubt=before)
        return stored

    def _doubt(self, others: Mapping[str, datetime]) -> None:
        self._standing.know(in_doubt={**others, self._version: now() + self._settle})

    def _lacking(self, some: Sequence[Prediction]) -> list[Prediction]:
        """Those whose tasks have no prediction of the version."""
        there = self._predictions.having([one.task for one in some], self._filters)
        return [one for one in some if one.task not in there]


def _requests(some: Sequence[Prediction]) -> Iterator[Sequence[Prediction]]:
    """Parts of about the same size, none over REQUEST_BYTES but a single prediction that is larger."""
    total = sum(len(one.content) + 1 for one in some)
    size = total / max(math.ceil(total / REQUEST_BYTES), 1)
    begin, taken = 0, 0
    for place, one in enumerate(some):
        length = len(one.content) + 1
        if place > begin and (taken >= size or taken + length > REQUEST_BYTES):
            yield some[begin:place]
            begin, taken = place, 0
        taken += length
    if begin < len(some):
        yield some[begin:]


def _widened(ids: Ids | None, some: Sequence[Prediction]) -> Ids:
    """Ids from the first to the last, with those of more predictions, which are given by ascending ids."""
    first, last = some[0].task, some[-1].task
    return (min(ids[0], first), max(ids[1], last)) if ids else (first, last)


def _told(one: Prediction) -> tuple[int, int]:
    return one.task, len(one.content)
