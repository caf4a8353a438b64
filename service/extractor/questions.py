"""The questions of a backend and the answers of an extractor, in the same process or another. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

import msgspec
from prometheus_client.metrics_core import Metric

from service.errors import LATE, Cause
from service.model.reading import Overlap
from service.model.spans import Extraction

NOT_REACHED = f"{LATE}; retrieve predictions again for the tasks that have none"
"""Why a text has no answer that was not reached in time."""

Threshold = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""Lowest probability of a span."""


class Question(NamedTuple):
    """Texts, and the wordings of the labels to find in them."""

    texts: Sequence[str]
    labels: Sequence[str]
    thresholds: Mapping[str, Threshold] = {}
    """The thresholds that single labels have, by their wording."""
    overlap: Overlap | None = None
    """Which spans may share words; None for what the version was tuned for."""


class Failure(NamedTuple):
    """Why one text has no extraction."""

    reason: str
    is_unread: bool = False
    """Whether the model knows the words of the text too little to read it: asked again, it answers the same."""


class Answer(NamedTuple):
    """For each question a list with one item per text, in order. One version made all of them."""

    version: str
    items: list[list[Extraction | Failure]]
    overlap: Overlap = "flat"
    """Which spans may share words where the question does not say."""


class Unavailable(RuntimeError):
    """The extractor cannot answer. The message says why."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.cause = cause


class Extractor(Protocol):
    """Answers each question with the version that is current when the question arrives."""

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first is loaded."""
        ...

    @property
    def why_not(self) -> str:
        """Why no version answers; empty if one answers or is being loaded."""
        ...

    @property
    def since(self) -> datetime | None:
        """Since when a version answers, or none does, as far as this process has seen; None before it has seen any."""
        ...

    @property
    def device(self) -> str:
        """What the model computes on, in words; empty where that is not known."""
        ...

    @property
    def queued(self) -> int:
        """Number of texts that wait for the model or are being worked on."""
        ...

    async def ask(self, questions: Sequence[Question], threshold: float | None, seconds: float) -> Answer:
        """Answer all questions with one version within `seconds`, by its own thresholds if `threshold` is None.

        A text that was not reached in time, or on which the model failed, is a Failure. Raises Unavailable if there is
        no model.
        """
        ...

    def gauges(self) -> Iterable[Metric]:
        """The extractor's gauges, for Prometheus. An extractor in another pod exposes its own: there are none here."""
        ...

    def close(self) -> None:
        """Stop. Requests that wait are answered with the texts that are done."""
        ...
