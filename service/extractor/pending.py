"""One request in the engine, from its texts to its answer.

Two threads work on it: one makes windows of its texts, another runs them. Whatever changes here is changed under the
engine's lock; only what takes long, `windows_of`, is not.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from service.errors import Cause, cause_of
from service.extractor import metrics
from service.extractor.loaded import Loaded
from service.extractor.questions import Failure
from service.metrics import failures
from service.model.spans import Extraction, Span, decide
from service.model.windows import Window

log = logging.getLogger(__name__)

NOT_REACHED = "not reached in time; retrieve predictions again for the tasks that have none"
EXTRACTOR_FAILED = (
    "the extractor failed, and its log has the cause; retrieve predictions again for the tasks that have none"
)
"""Why a text has no answer that nothing was wrong with."""

WINDOWS_AHEAD = 64
"""So many windows of a request are made before they are run: more would only take memory."""


@dataclass(eq=False)
class PendingRequest:
    """Texts not yet begun, windows not yet run, and what was found."""

    loaded: Loaded
    texts: Sequence[str]
    labels: tuple[str, ...]
    threshold: float
    arrived: float
    deadline: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Thresholds of single labels, by their wording."""
    todo: deque[int] = field(init=False)
    preparing: int | None = None
    """The text of which windows are being made."""
    ready: deque[tuple[int, Window]] = field(default_factory=deque)
    running: dict[int, int] = field(default_factory=dict)
    """Windows of a text that are not yet run."""
    begun: set[int] = field(default_factory=set)
    """Texts of which a window is, or was, in a batch."""
    found: dict[int, list[Span]] = field(default_factory=dict)
    items: list[Extraction | Failure | None] = field(init=False)
    why_not: str = NOT_REACHED
    """Of texts that will not be reached any more."""
    answer: Future[list[Extraction | Failure]] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Texts of like length run together: where a batch is padded, it is to its longest.
        self.todo = deque(sorted(range(len(self.texts)), key=lambda index: len(self.texts[index])))
        self.items = [None] * len(self.texts)

    @property
    def queued(self) -> int:
        """Texts that wait or run."""
        return len(self.todo) + (self.preparing is not None) + len(self.running)

    @property
    def over(self) -> bool:
        return self.answer.cancelled() or not (self.queued or self.ready)

    @property
    def hungry(self) -> bool:
        """Whether windows of another text are to be made."""
        return bool(self.todo) and self.preparing is None and len(self.ready) < WINDOWS_AHEAD

    def take(self) -> int:
        """The next text to make windows of."""
        self.preparing = index = self.todo.popleft()
        return index

    def windows_of(self, index: int) -> list[Window] | Failure:
        """The windows of a text, or why there are none; changes nothing."""
        try:
            return self.loaded.model.prepare(self.texts[index], self.labels, self._lowest)
        except BaseException as error:  # a text must not take others down; what tokenizers panics with is no Exception
            cause = cause_of(error, Cause.BAD_TEXT)
            if cause is Cause.BAD_TEXT:
                log.exception("a text could not be prepared")
            failures.count(cause)
            return Failure(f"the text could not be prepared: {error}")

    def prepared(self, index: int, windows: list[Window] | Failure) -> None:
        """The windows of the text that was taken."""
        if self.preparing != index:
            return  # given up meanwhile
        self.preparing = None
        if isinstance(windows, Failure):
            self.items[index] = windows
        elif not windows:
            self.items[index] = decide([], self.threshold)
        else:
            self.running[index], self.found[index] = len(windows), []
            self.ready.extend((index, window) for window in windows)

    @property
    def _lowest(self) -> float:
        return min([self.threshold, *self.thresholds.values()])

    def begin(self, index: int) -> None:
        """A window of a text is in the batch that runs next."""
        if index not in self.begun:
            self.begun.add(index)
            metrics.QUEUE_WAIT.observe(time.monotonic() - self.arrived)

    def done(self, index: int, spans: list[Span]) -> None:
        """One window of a text was run."""
        if index not in self.running:
            return  # another window of this text failed, or the request was given up
        self.found[index].extend(spans)
        self.running[index] -= 1
        if not self.running[index]:
            del self.running[index]
            self.items[index] = extraction = decide(self.found.pop(index), self.threshold, self.thresholds)
            metrics.found(extraction.spans)

    def fail(self, index: int, reason: str) -> None:
        self.items[index] = Failure(reason)
        self.running.pop(index, None)
        self.found.pop(index, None)
        self.ready = deque(entry for entry in self.ready if entry[0] != index)

    def expire(self, why: str = NOT_REACHED) -> None:
        """Give up what was not reached; what was, is kept."""
        self.why_not = why
        self.preparing = None
        self.todo.clear()
        self.ready.clear()
        self.running.clear()

    def resolve(self) -> None:
        unreached = Failure(self.why_not)
        if self.answer.set_running_or_notify_cancel():
            if self.why_not == NOT_REACHED:
                failures.count(Cause.DEADLINE, self.items.count(None))
            self.answer.set_result([item or unreached for item in self.items])
