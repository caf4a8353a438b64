"""Questions and answers as JSON, between a backend and an extractor in another pod."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from service.extractor.questions import Answer, Failure, Question, Threshold
from service.model.calibration import DEFAULT_THRESHOLD
from service.model.reading import Overlap
from service.model.spans import Extraction, Span


class Ask(msgspec.Struct):
    """The body of /extract."""

    questions: list[Question]
    threshold: Threshold
    by_version: bool = False
    """Whether the version's own thresholds decide where it has some, instead of `threshold`."""

    @property
    def decisive(self) -> float | None:
        """The threshold that was asked for; None for the version's own."""
        return None if self.by_version else self.threshold


class Item(msgspec.Struct, omit_defaults=True):
    """The extraction of one text, or the reason why it has none."""

    spans: tuple[Span, ...] = ()
    certainty: float = 0.0
    error: str = ""
    unread: bool = False


class Reply(msgspec.Struct):
    """The answer of /extract. An extractor of an earlier release does not say `overlap`, and is flat."""

    version: str
    items: list[list[Item]]
    overlap: Overlap = "flat"


def encode_ask(questions: Sequence[Question], threshold: float | None) -> bytes:
    """The body of /extract. What a question does not set is left out. Without a threshold the version's own decide.

    So an extractor of an earlier release, as there is during an upgrade, answers what it can answer. It refuses a
    question that sets what it does not know: an answer without that would be stored as if it had been heeded. It passes
    `by_version` over, and takes the threshold of a version that has none: those that it serves have none.
    """
    asked = [_shortened(one) for one in questions]
    if threshold is None:
        return msgspec.json.encode({"questions": asked, "threshold": DEFAULT_THRESHOLD, "by_version": True})
    return msgspec.json.encode({"questions": asked, "threshold": threshold})


def encode_answer(answer: Answer) -> bytes:
    items = [[_item(result) for result in items] for items in answer.items]
    return msgspec.json.encode(Reply(answer.version, items, answer.overlap))


def decode_answer(body: bytes) -> Answer:
    """The answer that a body holds. Raises msgspec.MsgspecError (a ValueError) if it holds none."""
    reply = msgspec.json.decode(body, type=Reply)
    return Answer(reply.version, [[_result(item) for item in items] for items in reply.items], reply.overlap)


def _shortened(question: Question) -> tuple[Any, ...]:
    """A question without its last fields if they are not set."""
    if question.overlap:
        return question
    return question[:3] if question.thresholds else question[:2]


def _item(result: Extraction | Failure) -> Item:
    if isinstance(result, Failure):
        return Item(error=result.reason, unread=result.is_unread)
    return Item(result.spans, result.certainty)


def _result(item: Item) -> Extraction | Failure:
    return Failure(item.error, item.unread) if item.error else Extraction(item.spans, item.certainty)
