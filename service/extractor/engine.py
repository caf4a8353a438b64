"""Extraction for many requests at once: one thread cuts texts into windows, another runs the model on batches of them.

Requests take turns in the batches. The version that is current when a request arrives answers the whole request: a
swap changes only the answers of later requests.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from prometheus_client.metrics_core import Metric

from service.errors import Cause
from service.extractor import metrics
from service.extractor.loaded import Loaded
from service.extractor.pace import Pace
from service.extractor.pending import EXTRACTOR_FAILED, PendingRequest
from service.extractor.questions import NOT_REACHED, Answer, Question, Unavailable
from service.metrics import failures
from service.model.spans import Span
from service.model.windows import Window

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""Python's switch interval. It is short because the model's thread needs the interpreter lock after every operation."""
GATHER_SECONDS = 0.01
"""Seconds that a batch waits for more windows. Otherwise the first window of a request would be a batch by itself."""
BATCH_WINDOWS_MAX = 32
"""The most windows in a batch. `Pace` limits its sub-tokens."""
WAKE_SECONDS = 60.0
"""The most seconds that the model's thread sleeps before it checks for work again."""


class Engine:
    """An Extractor that runs the current version in this process.

    `ask` may be called from any event loop. The engine has two threads: one cuts texts into windows, the other runs the
    model.
    """

    def __init__(self) -> None:
        self._current: Loaded | None = None
        self.why_not = ""
        """Why no model could be loaded; empty while one is being loaded and once one is."""
        self.cause = Cause.MODEL_LOAD
        """The cause of that."""
        self.since: datetime | None = None
        self._changed = threading.Condition()
        self._requests: deque[PendingRequest] = deque()
        self._closed = False
        self._pace = Pace()
        self._threads = [
            threading.Thread(target=self._prepare, name="windows", daemon=True),
            threading.Thread(target=self._work, name="model", daemon=True),
        ]
        sys.setswitchinterval(SWITCH_SECONDS)
        for thread in self._threads:
            thread.start()

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first is loaded."""
        return self._current.version if self._current else None

    @property
    def device(self) -> str:
        """What the model computes on, in words; empty before the first version is loaded."""
        return self._current.device if self._current else ""

    @property
    def queued(self) -> int:
        """Number of texts that wait for the model or are being worked on."""
        with self._changed:
            return sum(request.queued for request in self._requests)

    def swap(self, loaded: Loaded) -> None:
        """Answer all later requests with another version."""
        with self._changed:
            if self._current is None or self.why_not:
                self.since = datetime.now(UTC)
            self._current = loaded
            self.why_not = ""
            self._changed.notify_all()

    def failed(self, why: str, cause: Cause = Cause.MODEL_LOAD) -> None:
        """Set the reason why no version could be loaded. Requests get it as an error instead of waiting."""
        with self._changed:
            self.since = self.since if self.why_not else datetime.now(UTC)
            self.why_not, self.cause = why, cause
            self._changed.notify_all()

    async def ready(self, seconds: float) -> Loaded:
        """The current version. Waits at most `seconds` until one is loaded. Raises Unavailable."""
        deadline = time.monotonic() + seconds
        while self._current is None:
            if self.why_not or time.monotonic() > deadline:
                reason = f"There is no model to answer with: {self.why_not or 'it is still being loaded'}"
                raise Unavailable(reason, Cause.NO_MODEL)
            await asyncio.sleep(0.05)
        return self._current

    async def ask(self, questions: Sequence[Question], threshold: float | None, seconds: float) -> Answer:
        """Answer all questions with one version within `seconds`, by its own thresholds if `threshold` is None.

        Raises Unavailable.

        A version that is swapped in meanwhile does not affect the answer.
        """
        arrived = time.monotonic()
        loaded = await self.ready(seconds)
        decision, deadline, caller = loaded.model.calibration.decision, arrived + seconds, object()
        requests = [
            PendingRequest(
                loaded,
                q.texts,
                tuple(q.labels),
                decision(threshold, q.thresholds),
                arrived,
                deadline,
                q.overlap,
                caller,
            )
            for q in questions
        ]
        with self._changed:
            if self._closed:
                raise Unavailable("The extractor is being stopped and has read no text. Ask again.", Cause.NO_MODEL)
            self._requests.extend(requests)
            self._changed.notify_all()
        items = await asyncio.gather(*(asyncio.wrap_future(request.answer) for request in requests))
        return Answer(loaded.version, list(items), loaded.model.reading.overlap)

    def gauges(self) -> Iterable[Metric]:
        """The engine's gauges, for Prometheus."""
        return metrics.gauges(self.queued, self._current.seconds if self._current else None)

    def close(self) -> None:
        """Stop after the running batch. Requests that wait are answered with the texts that are done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._give_up(NOT_REACHED)

    def _prepare(self) -> None:
        """Cut the next text of each request into windows, one after the other, until each request has enough."""
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or any(r.needs_windows for r in self._requests))
            self._prepare_each()

    def _prepare_each(self) -> None:
        with self._changed:
            taken = [(r, r.take()) for r in self._requests if r.needs_windows and not self._closed]
        for request, index in taken:
            windows = request.windows_of(index)
            with self._changed:
                request.prepared(index, windows)
                self._changed.notify_all()

    def _work(self) -> None:
        """Run batches. While the thread waits, it keeps no batch, because a batch holds on to its texts and version."""
        while not self._closed:
            with self._changed:
                while not self._has_work():
                    self._changed.wait(self._seconds_to_deadline())
                self._changed.wait_for(self._has_batch, GATHER_SECONDS)
            if not self._closed:
                self._work_once()

    def _work_once(self) -> None:
        try:
            batch = self._collect()
            if batch:
                self._run(batch)
        except Exception:
            # The thread must survive every error. Requests that wait get an error, later requests are served.
            log.exception("the engine failed")
            failures.count(Cause.INTERNAL)
            self._give_up(EXTRACTOR_FAILED)

    def _has_work(self) -> bool:
        """Whether there is a window to run or a request to answer."""
        now = time.monotonic()
        return self._closed or any(r.ready or r.is_over or now > r.deadline for r in self._requests)

    def _has_batch(self) -> bool:
        """Whether there are windows for a full batch, or no more windows are being made."""
        ready = sum(len(request.ready) for request in self._requests)
        making = any(request.needs_windows or request.preparing is not None for request in self._requests)
        return self._closed or ready >= BATCH_WINDOWS_MAX or not making

    def _seconds_to_deadline(self) -> float:
        """Seconds until the first deadline of a request, at most WAKE_SECONDS."""
        left = [request.deadline - time.monotonic() for request in self._requests]
        return max(0.0, min([WAKE_SECONDS, *left]))

    def _collect(self) -> list[tuple[PendingRequest, int, Window]]:
        """Windows for one batch, one for each caller in turn, so that much work delays no little work.

        A caller's questions have one turn together: many questions (a task with 60 controls has 60) are much work, too.
        """
        batch: list[tuple[PendingRequest, int, Window]] = []
        tokens: list[int] = []
        with self._changed:
            self._retire()
            waiting = [request for request in self._requests if request.ready]
            turns = _turns(request for request in waiting if request.loaded is waiting[0].loaded)
            while turns and len(batch) < BATCH_WINDOWS_MAX:
                questions = turns.popleft()
                request = questions.popleft()
                index, window = request.ready[0]
                model = request.loaded.model
                tokens.append(window.tokens)
                if batch and model.cost(tokens) > min(self._pace.tokens, model.batch_tokens):
                    break
                request.ready.popleft()
                request.begin(index)
                batch.append((request, index, window))
                if request.ready:
                    questions.append(request)
                if questions:
                    turns.append(questions)
            # Callers with windows in this batch move to the end of the queue.
            served = {id(request.caller) for request, _, _ in batch}
            self._requests = deque(sorted(self._requests, key=lambda request: id(request.caller) in served))
            self._changed.notify_all()  # the other thread may make more windows
        return batch

    def _run(self, batch: list[tuple[PendingRequest, int, Window]]) -> None:
        model, windows = batch[0][0].loaded.model, [window for _, _, window in batch]
        began = time.monotonic()
        try:
            found = model.run(windows)
        except Exception:
            # A text on which the model fails must not fail the other texts of its batch: each runs alone.
            if len(batch) > 1:
                for entry in batch:
                    self._run([entry])
                return
            log.exception("the model failed on a text")
            failures.count(Cause.MODEL_FAILED)
            request, index, _ = batch[0]
            with self._changed:
                request.fail(index, "the model failed on this text; the service's log has the cause")
            return
        seconds = time.monotonic() - began
        tokens = [window.tokens for window in windows]
        self._pace.ran(model.cost(tokens), seconds)
        metrics.ran(tokens, seconds)
        self._complete(batch, found)

    def _complete(self, batch: list[tuple[PendingRequest, int, Window]], found: list[list[Span]]) -> None:
        """Store what a batch found. A text may have so many candidates that to decide takes seconds: without lock."""
        with self._changed:
            done = [(r, index, r.done(index, spans)) for (r, index, _), spans in zip(batch, found, strict=True)]
        decided = [(r, index, r.extraction_of(all_found)) for r, index, all_found in done if all_found is not None]
        with self._changed:
            for request, index, extraction in decided:
                request.decided(index, extraction)
            self._retire()

    def _retire(self) -> None:
        """Answer the requests that are done or past their deadline. The caller holds the lock."""
        now = time.monotonic()
        for request in list(self._requests):
            if now > request.deadline:
                request.expire()
            if request.is_over:
                self._requests.remove(request)
                request.resolve()

    def _give_up(self, why: str) -> None:
        with self._changed:
            for request in self._requests:
                request.expire(why)
            self._retire()


def _turns(requests: Iterable[PendingRequest]) -> deque[deque[PendingRequest]]:
    """The requests of each caller, the caller who is first in the queue first."""
    of_callers: dict[int, deque[PendingRequest]] = {}
    for request in requests:
        of_callers.setdefault(id(request.caller), deque()).append(request)
    return deque(of_callers.values())
