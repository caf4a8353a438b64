"""Extraction for many requests at once: one thread makes windows of texts, one runs the model; requests take turns.

A request is answered whole by the version that was current when it came: a swap changes what the next request
gets and touches none that runs.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from prometheus_client.metrics_core import Metric

from service.errors import Cause
from service.extractor import metrics
from service.extractor.loaded import Loaded
from service.extractor.pace import Pace
from service.extractor.pending import EXTRACTOR_FAILED, NOT_REACHED, PendingRequest
from service.extractor.questions import Answer, Question, Unavailable
from service.metrics import failures
from service.model.windows import Window

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""Seconds after which a thread that runs Python lets another do so: the model's asks for it behind every operation."""
GATHER_SECONDS = 0.01
"""Seconds that a batch waits for windows that are being made: alone, the first of a request would be a batch."""
BATCH_WINDOWS_MAX = 32
"""Windows in a batch at most; how many tokens, its pace says."""
WAKE_SECONDS = 60.0
"""Seconds after which a thread that waits looks again, whatever deadlines it was given."""


class Engine:
    """An Extractor in this process: runs the current version for everybody who asks.

    `ask` may be called from any event loop; texts become windows in one thread of the engine's own, and the model runs
    in another.
    """

    def __init__(self) -> None:
        self._current: Loaded | None = None
        self.why_not = ""
        """Why there will be no model; empty while one is being loaded."""
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
    def queued(self) -> int:
        """Texts that wait or run."""
        with self._changed:
            return sum(request.queued for request in self._requests)

    def swap(self, loaded: Loaded) -> None:
        """Answer with another version from the next request on."""
        with self._changed:
            self._current = loaded
            self.why_not = ""
            self._changed.notify_all()

    def failed(self, why: str) -> None:
        """No version could be loaded: requests are told why instead of waiting."""
        with self._changed:
            self.why_not = why
            self._changed.notify_all()

    async def ready(self, seconds: float) -> Loaded:
        """The current version, waited for at most `seconds` where none is loaded yet. Raises Unavailable."""
        deadline = time.monotonic() + seconds
        while self._current is None:
            if self.why_not or time.monotonic() > deadline:
                reason = f"There is no model to answer with: {self.why_not or 'it is still being loaded'}"
                raise Unavailable(reason, Cause.NO_MODEL)
            await asyncio.sleep(0.05)
        return self._current

    async def ask(self, questions: Sequence[Question], threshold: float, seconds: float) -> Answer:
        """Answer all questions by one version and one deadline, whatever is swapped in meanwhile."""
        arrived = time.monotonic()
        loaded = await self.ready(seconds)
        requests = [
            PendingRequest(loaded, q.texts, tuple(q.labels), threshold, arrived, arrived + seconds, q.thresholds)
            for q in questions
        ]
        with self._changed:
            if self._closed:
                raise Unavailable("The extractor is being stopped.", Cause.NO_MODEL)
            self._requests.extend(requests)
            self._changed.notify_all()
        items = await asyncio.gather(*(asyncio.wrap_future(request.answer) for request in requests))
        return Answer(loaded.version, list(items))

    def gauges(self) -> Iterable[Metric]:
        """How it stands, for Prometheus."""
        return metrics.gauges(self.queued, self._current.seconds if self._current else None)

    def close(self) -> None:
        """Stop after the batch that runs; requests that wait are answered with what they have."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._give_up(NOT_REACHED)

    def _prepare(self) -> None:
        """Make windows of the next text of each request in turn, until each has some ahead."""
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or any(request.hungry for request in self._requests))
            self._prepare_each()

    def _prepare_each(self) -> None:
        with self._changed:
            taken = [(request, request.take()) for request in self._requests if request.hungry and not self._closed]
        for request, index in taken:
            windows = request.windows_of(index)
            with self._changed:
                request.prepared(index, windows)
                self._changed.notify_all()

    def _work(self) -> None:
        """Run what is due. While it waits it holds no batch, which holds its texts and the version that they asked."""
        while not self._closed:
            with self._changed:
                while not self._due():
                    self._changed.wait(self._patience())
                self._changed.wait_for(self._enough, GATHER_SECONDS)
            if not self._closed:
                self._work_once()

    def _work_once(self) -> None:
        try:
            batch = self._collect()
            if batch:
                self._run(batch)
        except Exception:
            # Whatever it was, the thread must go on: those that wait are told, the next are served.
            log.exception("the engine failed")
            failures.count(Cause.INTERNAL)
            self._give_up(EXTRACTOR_FAILED)

    def _due(self) -> bool:
        """Whether there is something to run, or to answer."""
        now = time.monotonic()
        return self._closed or any(r.ready or r.over or now > r.deadline for r in self._requests)

    def _enough(self) -> bool:
        """Whether there are windows for a batch, or no more are being made."""
        ready = sum(len(request.ready) for request in self._requests)
        making = any(request.hungry or request.preparing is not None for request in self._requests)
        return self._closed or ready >= BATCH_WINDOWS_MAX or not making

    def _patience(self) -> float:
        """Seconds until a request that waits for its windows must be answered all the same."""
        left = [request.deadline - time.monotonic() for request in self._requests]
        return max(0.0, min([WAKE_SECONDS, *left]))

    def _collect(self) -> list[tuple[PendingRequest, int, Window]]:
        """Windows for one batch, one from each request in turn, so that a large request delays no small one."""
        batch: list[tuple[PendingRequest, int, Window]] = []
        tokens: list[int] = []
        with self._changed:
            self._retire()
            waiting = [request for request in self._requests if request.ready]
            turn = deque(request for request in waiting if request.loaded is waiting[0].loaded)
            while turn and len(batch) < BATCH_WINDOWS_MAX:
                request = turn.popleft()
                index, window = request.ready[0]
                model = request.loaded.model
                tokens.append(window.tokens)
                if batch and model.cost(tokens) > min(self._pace.tokens, model.batch_tokens):
                    break
                request.ready.popleft()
                request.begin(index)
                batch.append((request, index, window))
                if request.ready:
                    turn.append(request)
            # Those whose turn it was wait behind the others.
            for request in dict.fromkeys(request for request, _, _ in batch):
                self._requests.remove(request)
                self._requests.append(request)
            self._changed.notify_all()  # there is room for windows
        return batch

    def _run(self, batch: list[tuple[PendingRequest, int, Window]]) -> None:
        model, windows = batch[0][0].loaded.model, [window for _, _, window in batch]
        began = time.monotonic()
        try:
            found = model.run(windows)
        except Exception:
            # Whatever a text does to a model, it must not take the texts beside it down: each is tried alone.
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
        with self._changed:
            for (request, index, _), spans in zip(batch, found, strict=True):
                request.done(index, spans)
            self._retire()

    def _retire(self) -> None:
        """Answer what is done, or due. Under the lock."""
        now = time.monotonic()
        for request in list(self._requests):
            if now > request.deadline:
                request.expire()
            if request.over:
                self._requests.remove(request)
                request.resolve()

    def _give_up(self, why: str) -> None:
        with self._changed:
            for request in self._requests:
                request.expire(why)
            self._retire()
