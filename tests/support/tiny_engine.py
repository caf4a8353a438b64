"""How the tests ask an engine."""

from __future__ import annotations

import threading
from typing import NamedTuple

from service.extractor.questions import Question

LABELS = ("person", "company", "city")


class Hooked:
    """The tiny model with something done before each batch."""

    def __init__(self, model, before):
        self.model = model
        self.before = before
        self.prepare = model.prepare
        self.cost = model.cost
        self.batch_tokens = model.batch_tokens

    def run(self, batch):
        self.before(batch)
        return self.model.run(batch)


class Gate:
    """What is done before each batch: nothing runs until it is opened."""

    def __init__(self):
        self.begun = threading.Event()
        self.opened = threading.Event()

    def __call__(self, batch):
        self.begun.set()
        assert self.opened.wait(30)


class Answered(NamedTuple):
    version: str
    items: list


async def extract(engine, texts, seconds=60.0):
    """One question's answer."""
    answer = await engine.ask([Question(texts, LABELS)], 0.5, seconds)
    return Answered(answer.version, *answer.items)
