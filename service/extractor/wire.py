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
    """One text's extraction, or why it has none."""

    spans: tuple[Span, ...] = ()
    certainty: float = 0.0
    error: str = ""


class Reply(msgspec.Struct):
    """The answer of /extract."""

    version: str
    items: list[list[Item]]


def encode_ask(questions: Sequence[Question], threshold: float) -> bytes:
    return msgspec.json.encode(Ask(list(questions), threshold))


def encode_answer(answer: Answer) -> bytes:
    return msgspec.json.encode(Reply(answer.version, [[_item(found) for found in items] for items in answer.items]))


def decode_answer(body: bytes) -> Answer:
    """Raises msgspec.MsgspecError (a ValueError) for anything that is no answer."""
    reply = msgspec.json.decode(body, type=Reply)
    return Answer(reply.version, [[_found(item) for item in items] for items in reply.items])


def _item(found: Extraction | Failure) -> Item:
    return Item(error=found.reason) if isinstance(found, Failure) else Item(found.spans, found.certainty)


def _found(item: Item) -> Extraction | Failure:
    return Failure(item.error) if item.error else Extraction(item.spans, item.certainty)
