"""Questions and answers as JSON, between a backend and an extractor in another pod."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.extractor.questions import Answer, Failure, Question
from service.model.spans import Extraction, Span


class Ask(msgspec.Struct):
    """The body of /extract."""

    questions: list[Question]
    threshold: float


class Item(msgspec.Struct, omit_defaults=True):
    """The extraction of one text, or the reason why it has none."""

    spans: tuple[Span, ...] = ()
    certainty: float = 0.0
    error: str = ""
    unread: bool = False


class Reply(msgspec.Struct):
    """The answer of /extract."""

    version: str
    items: list[list[Item]]


def encode_ask(questions: Sequence[Question], threshold: float) -> bytes:
    return msgspec.json.encode(Ask(list(questions), threshold))


def encode_answer(answer: Answer) -> bytes:
    return msgspec.json.encode(Reply(answer.version, [[_item(result) for result in items] for items in answer.items]))


def decode_answer(body: bytes) -> Answer:
    """The answer that a body holds. Raises msgspec.MsgspecError (a ValueError) if it holds none."""
    reply = msgspec.json.decode(body, type=Reply)
    return Answer(reply.version, [[_result(item) for item in items] for items in reply.items])


def _item(result: Extraction | Failure) -> Item:
    if isinstance(result, Failure):
        return Item(error=result.reason, unread=result.is_unread)
    return Item(result.spans, result.certainty)


def _result(item: Item) -> Extraction | Failure:
    return Failure(item.error, item.unread) if item.error else Extraction(item.spans, item.certainty)
