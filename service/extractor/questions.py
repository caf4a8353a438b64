"""What a backend asks of an extractor, and what it is answered, wherever the extractor runs. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from prometheus_client.metrics_core import Metric

from service.errors import Cause
from service.model.spans import Extraction


class Question(NamedTuple):
    """Texts, the wordings of the labels to find in them, and by wording the thresholds that single labels have."""

    texts: Sequence[str]
    labels: Sequence[str]
    thresholds: Mapping[str, float] = {}


class Failure(NamedTuple):
    """Why one text has no extraction."""

    reason: str


class Answer(NamedTuple):
    """For each question one item a text, in order, all by one version."""

    version: str
    items: list[list[Extraction | Failure]]


class Unavailable(RuntimeError):
    """There is no answer; says why."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.cause = cause


class Extractor(Protocol):
    """Answers questions with the version that is current when they come."""

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first is loaded."""
        ...

    @property
    def why_not(self) -> str:
        """Why no version answers, nor will by itself; empty where one does or is being loaded."""
        ...

    @property
    def queued(self) -> int:
        """Texts that wait or run."""
        ...

    async def ask(self, questions: Sequence[Question], threshold: float, seconds: float) -> Answer:
        """Answer all questions by one version within `seconds`. Texts that were not reached, or that the model failed
        on, are Failures. Raises Unavailable without a model."""
        ...

    def gauges(self) -> Iterable[Metric]:
        """How it stands, for Prometheus; nothing where it runs elsewhere and tells that itself."""
        ...

    def close(self) -> None:
        """Stop; requests that wait are answered with what they have."""
        ...
