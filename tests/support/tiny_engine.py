"""Ways for tests to ask an engine and to control its batches."""

from __future__ import annotations

import threading
from typing import NamedTuple

from service.extractor.questions import Question

LABELS = ("person", "company", "city")


class Hooked:
    """A model that calls `before` with each batch before it runs."""

    def __init__(self, model, before):
        self.model = model
        self.before = before
        self.prepare = model.prepare
        self.prompts = model.prompts
        self.reading = model.reading
        self.calibration = model.calibration
        self.cost = model.cost
        self.batch_tokens = model.batch_tokens

    def run(self, batch):
        self.before(batch)
        return self.model.run(batch)


class Gate:
    """A hook for `Hooked`: no batch runs until the gate is opened."""

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
    """Ask an engine one question with `texts`, and return its answer."""
    answer = await engine.ask([Question(texts, LABELS)], 0.5, seconds)
    return Answered(answer.version, *answer.items)
