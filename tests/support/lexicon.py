"""Runs windows by looking the tiny model's names up: it finds every name that a window holds whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.model.model import Model
from service.model.reading import Reading
from service.model.spans import Span
from service.model.windows import Window
from tests.support.tiny import KINDS

NAMES = {tuple(name.split()): kind for kind, names in KINDS.items() for name in names}


class Lexicon:
    """A Runner whose answers do not depend on the length of the windows."""

    batch_tokens = 1000

    def cost(self, tokens: Sequence[int]) -> int:
        return sum(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        return [[*_named(window)] for window in windows]


def _named(window: Window) -> Iterator[Span]:
    for name, kind in NAMES.items():
        for at in range(len(window.words) - len(name) + 1):
            if tuple(window.words[at : at + len(name)]) == name and kind in window.group.labels:
                yield Span(window.starts[at], window.ends[at + len(name) - 1], kind, 0.9)


def knowing(model: Model, reading: Reading | None = None) -> Model:
    """A model that cuts texts as `model` does, and finds the names of the lexicon."""
    made = model.with_reading(reading or model.reading)
    made.runner = Lexicon()
    return made
