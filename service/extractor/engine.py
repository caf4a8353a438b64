"""Extraction for many requests at once: one thread runs the model, requests take turns.

A request is answered whole by the version that was current when it came: a swap changes what the next request
gets and touches none that runs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.metrics_core import Metric

from service.causes import Cause
from service.extractor import metrics
from service.extractor.pace import Pace
from service.extractor.questions import Answer, Failure, Question, Unavailable
from service.metrics import errors
from service.spans import Extraction, Span, decide
from service.windows import Window

if TYPE_CHECKING:
    from service.model import Model

log = logging.getLogger(__name__)

BATCH = 32
"""Windows in a batch at most; how many tokens, its pace says."""


class Loaded(NamedTuple):
    """A model and the version that it is."""

    version: str
    model: Model
    seconds: float = 0.0
    """How long it took to load."""


@dataclass(eq=False)
class Request:
    """One request in the engine: texts not yet begun, windows not yet run, and what was found."""

    loaded: Loaded
    texts: Sequence[str]
    labels: tuple[str, ...]
    threshold: float
    arrived: float
    deadline: float
    todo: deque[int] = field(init=False)
    ready: deque[tuple[int, Window]] = field(default_factory=deque)
    running: dict[int, int] = field(default_factory=dict)
    """Windows of a text that are not yet run."""
    begun: set[int] = field(default_factory=set)
    """Texts of which a window is, or was, in a batch."""
    found: dict[int, list[Span]] = field(default_factory=dict)
    items: list[Extraction | Failure | None] = field(init=False)
    answer: Future[list[Extraction | Failure]] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Texts of like length run together: a batch is padded to its longest.
        self.todo = deque(sorted(range(len(self.texts)), key=lambda index: len(self.texts[index])))
        self.items = [None] * len(self.texts)

    @property
    def over(self) -> bool:
        return self.answer.cancelled() or (not self.todo and not self.ready and not self.running)

    def next_window(self) -> tuple[int, Window] | None:
        """The next window to run; prepares one text where none is at hand. None: nothing left to start."""
        while not self.ready and self.todo:
            self._prepare(self.todo.popleft())
        return self.ready.popleft() if self.ready else None

    def begin(self, index: int) -> None:
        """A window of a text is in the batch that runs next."""
        if index not in self.begun:
            self.begun.add(index)
            metrics.QUEUE_WAIT.observe(time.monotonic() - self.arrived)

    def done(self, index: int, spans: list[Span]) -> None:
        """One window of a text was run."""
        if index not in self.running:
            return  # another window of this text failed
        self.found[index].extend(spans)
        self.running[index] -= 1
        if not self.running[index]:
            del self.running[index]
            self.items[index] = extraction = decide(self.found.pop(index), self.threshold)
            metrics.found(extraction.spans)

    def fail(self, index: int, reason: str) -> None:
        self.items[index] = Failure(reason)
        self.running.pop(index, None)
        self.found.pop(index, None)
        self.ready = deque(entry for entry in self.ready if entry[0] != index)

    def expire(self) -> None:
        """Give up what was not reached in time; what was, is kept."""
        self.todo.clear()
        self.ready.clear()
        self.running.clear()

    def resolve(self) -> None:
        late = Failure("not reached in time; retrieve predictions again for the tasks that have none")
        if self.answer.set_running_or_notify_cancel():
            errors.count(Cause.DEADLINE, self.items.count(None))
            self.answer.set_result([item or late for item in self.items])

    def _prepare(self, index: int) -> None:
        try:
            windows = self.loaded.model.prepare(self.texts[index], self.labels, self.threshold)
        except Exception as error:  # a text must not take others down
            log.exception("a text could not be prepared")
            errors.count(Cause.BAD_TEXT)
            self.fail(index, f"the text could not be prepared: {error}")
            return
        if not windows:
            self.items[index] = decide([], self.threshold)
            return
        self.running[index], self.found[index] = len(windows), []
        self.ready.extend((index, window) for window in windows)


class Engine:
    """An Extractor in this process: runs the current version for everybody who asks.

    `ask` may be called from any event loop; the model runs in one thread of the engine's own.
    """

    def __init__(self) -> None:
        self._current: Loaded | None = None
        self.why_not = ""
        """Why there will be no model; empty while one is being loaded."""
        self._changed = threading.Condition()
        self._requests: deque[Request] = deque()
        self._closed = False
        self._pace = Pace()
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first is loaded."""
        return self._current.version if self._current else None

    @property
    def queued(self) -> int:
        """Texts that wait or run."""
        return sum(len(request.todo) + len(request.running) for request in self._snapshot())

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
        requests = [Request(loaded, q.texts, tuple(q.labels), threshold, arrived, arrived + seconds) for q in questions]
        with self._changed:
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
        self._thread.join()
        self._give_up()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requests or self._closed)
                if self._closed:
                    return
            try:
                self._retire()
                batch = self._collect()
                if batch:
                    self._run(batch)
                self._retire()
            except Exception:
                # Whatever it was, the thread must go on: those that wait are told, the next are served.
                log.exception("the engine failed")
                errors.count(Cause.INTERNAL)
                self._give_up()

    def _snapshot(self) -> list[Request]:
        with self._changed:
            return list(self._requests)

    def _collect(self) -> list[tuple[Request, int, Window]]:
        """Windows for one batch, one from each request in turn, so that a large request delays no small one."""
        batch: list[tuple[Request, int, Window]] = []
        requests = self._snapshot()
        turn = deque(request for request in requests if request.loaded is requests[0].loaded)
        longest, most = 0, min(self._pace.tokens, requests[0].loaded.model.batch_tokens) if requests else 0
        while turn and len(batch) < BATCH:
            request = turn.popleft()
            entry = request.next_window()
            if entry is None:
                continue
            longest = max(longest, entry[1].tokens)
            if batch and longest * (len(batch) + 1) > most:
                request.ready.appendleft(entry)
                break
            request.begin(entry[0])
            batch.append((request, *entry))
            turn.append(request)
        with self._changed:
            self._requests.rotate(-1)
        return batch

    def _run(self, batch: list[tuple[Request, int, Window]]) -> None:
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
            errors.count(Cause.MODEL_FAILED)
            request, index, _ = batch[0]
            request.fail(index, "the model failed on this text; the service's log has the cause")
            return
        seconds = time.monotonic() - began
        self._pace.ran(len(windows) * max(window.tokens for window in windows), seconds)
        metrics.ran((window.tokens for window in windows), seconds)
        for (request, index, _), spans in zip(batch, found, strict=True):
            request.done(index, spans)

    def _retire(self) -> None:
        now = time.monotonic()
        for request in self._snapshot():
            if now > request.deadline:
                request.expire()
            if request.over:
                self._end(request)

    def _give_up(self) -> None:
        for request in self._snapshot():
            request.expire()
            self._end(request)

    def _end(self, request: Request) -> None:
        with self._changed:
            self._requests.remove(request)
        request.resolve()
