"""One request in the engine, from its texts to its answer.

One thread cuts its texts into windows, another runs them. Both change it only while they hold the engine's lock.
`windows_of` and `extraction_of` take long and change nothing: they run without the lock.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from service.errors import Cause, cause_of
from service.extractor import metrics
from service.extractor.loaded import Loaded
from service.extractor.questions import NOT_REACHED, Failure
from service.metrics import failures
from service.model.calibration import Thresholds
from service.model.reading import Overlap
from service.model.spans import Extraction, Span, decide
from service.model.windows import Window

log = logging.getLogger(__name__)

EXTRACTOR_FAILED = (
    "the extractor failed, and its log has the cause; retrieve predictions again for the tasks that have none"
)
"""Why a text without a fault of its own has no answer."""

WINDOWS_AHEAD = 64
"""While a request has this many windows that have not run, no more are made: they would only take memory."""


@dataclass(eq=False)
class PendingRequest:
    """The texts of a request that are not prepared, its windows that have not run, and the spans found so far."""

    loaded: Loaded
    texts: Sequence[str]
    labels: tuple[str, ...]
    thresholds: Thresholds
    arrived: float
    deadline: float
    overlap: Overlap | None = None
    """Which spans may share words; None for what the version was tuned for."""
    caller: object = field(default_factory=object)
    """Who asked: the questions that are asked together have one turn."""
    todo: deque[int] = field(init=False)
    preparing: int | None = None
    """Index of the text that is being cut into windows."""
    ready: deque[tuple[int, Window]] = field(default_factory=deque)
    """Windows that wait for a batch, each with the index of its text."""
    running: dict[int, int] = field(default_factory=dict)
    """Number of windows that have not run, by the index of their text; 0 for a text that waits to be decided."""
    begun: set[int] = field(default_factory=set)
    """Indices of texts that had a window in a batch."""
    found: dict[int, list[Span]] = field(default_factory=dict)
    """Candidate spans of texts that have windows to run, by the index of the text."""
    items: list[Extraction | Failure | None] = field(init=False)
    why_not: str = NOT_REACHED
    """The reason for texts that are given up."""
    answer: Future[list[Extraction | Failure]] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Texts of similar length run together, because a padded batch is padded to its longest text.
        self.todo = deque(sorted(range(len(self.texts)), key=lambda index: len(self.texts[index])))
        self.items = [None] * len(self.texts)

    @property
    def queued(self) -> int:
        """Number of texts that wait for the model or are being worked on."""
        return len(self.todo) + (self.preparing is not None) + len(self.running)

    @property
    def is_over(self) -> bool:
        """Whether all texts are done, or the caller has cancelled the request."""
        return self.answer.cancelled() or not (self.queued or self.ready)

    @property
    def needs_windows(self) -> bool:
        """Whether the next text should be cut into windows now."""
        return bool(self.todo) and self.preparing is None and len(self.ready) < WINDOWS_AHEAD

    def take(self) -> int:
        """Take the next text to cut into windows: its index."""
        self.preparing = index = self.todo.popleft()
        return index

    def windows_of(self, index: int) -> list[Window] | Failure:
        """The windows of a text, or a Failure with the reason why it has none."""
        try:
            lowest, keeps = self.thresholds.lowest(self.labels), self.thresholds.keeps_overlaps(self._overlap)
            return self.loaded.model.prepare(self.texts[index], self.labels, lowest, keeps)
        except BaseException as error:  # one text must not fail others; a panic of tokenizers is no Exception
            cause = cause_of(error, Cause.BAD_TEXT)
            if not hasattr(error, "cause"):  # the message of an error with a cause says all there is
                log.exception("a text could not be prepared")
            failures.count(cause)
            if cause is Cause.UNKNOWN_WORDS:
                return Failure(str(error), is_unread=True)
            return Failure(f"the text could not be prepared: {error}")

    def prepared(self, index: int, windows: list[Window] | Failure) -> None:
        """Store the windows of the text that was taken."""
        if self.preparing != index:
            return  # the request was given up meanwhile
        self.preparing = None
        if isinstance(windows, Failure):
            self.items[index] = windows
        elif not windows:
            self.items[index] = decide([], self.thresholds.of_all)
        else:
            self.running[index], self.found[index] = len(windows), []
            self.ready.extend((index, window) for window in windows)

    @property
    def _overlap(self) -> Overlap:
        return self.overlap or self.loaded.model.reading.overlap

    def begin(self, index: int) -> None:
        """Note that a window of a text is in the next batch."""
        if index not in self.begun:
            self.begun.add(index)
            metrics.QUEUE_WAIT.observe(time.monotonic() - self.arrived)

    def done(self, index: int, spans: list[Span]) -> list[Span] | None:
        """Store the candidate spans of one window. Returns all of the text's if the window was its last.

        Then the text waits for `decided`.
        """
        if index not in self.running:
            return None  # another window of this text failed, or the request was given up
        self.found[index].extend(spans)
        self.running[index] -= 1
        return None if self.running[index] else self.found.pop(index)

    def extraction_of(self, found: Sequence[Span]) -> Extraction:
        """The extraction of a text with these candidate spans: not certain at all if a label is not known."""
        extraction = decide(found, *self.thresholds, self._overlap)
        return extraction._replace(certainty=0.0) if self.loaded.model.prompts.unknown(self.labels) else extraction

    def decided(self, index: int, extraction: Extraction) -> None:
        """Complete a text whose windows have all run."""
        if self.running.pop(index, None) is not None:  # else the request was given up
            self.items[index] = extraction
            metrics.found(extraction.spans)

    def fail(self, index: int, reason: str) -> None:
        """Complete a text with a Failure, and drop its windows that have not run."""
        self.items[index] = Failure(reason)
        self.running.pop(index, None)
        self.found.pop(index, None)
        self.ready = deque(entry for entry in self.ready if entry[0] != index)

    def expire(self, why: str = NOT_REACHED) -> None:
        """Give up the texts that are not done. Those that are done keep their answers."""
        self.why_not = why
        self.preparing = None
        self.todo.clear()
        self.ready.clear()
        self.running.clear()

    def resolve(self) -> None:
        """Answer the request. Texts that are not done get a Failure."""
        unreached = Failure(self.why_not)
        if self.answer.set_running_or_notify_cancel():
            if self.why_not == NOT_REACHED:
                failures.count(Cause.DEADLINE, self.items.count(None))
            self.answer.set_result([item or unreached for item in self.items])
