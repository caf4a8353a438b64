"""A scripted annotator with known edit rates: what becomes of each span is known before anything is counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from service.backend.truth.places import Place
from service.model.fates import Fate

LABELS = ("person", "company", "city")
STRETCHES = 6
RATES: Mapping[Fate, float] = {
    Fate.RIGHT: 0.6,
    Fate.SHIFTED: 0.1,
    Fate.RELABELLED: 0.08,
    Fate.ADDED: 0.07,
    Fate.MISSED: 0.15,
}
Region = dict[str, Any]


def text_of(number: int) -> str:
    """A text with STRETCHES places for a span, each of two words, the same length in every text."""
    return f"{number:04d}: " + "; ".join(f"Aaaa{place} Bbbb{place}" for place in range(STRETCHES)) + "."


class Annotator:
    """Decides what becomes of each place of a text, and keeps count."""

    def __init__(self, rates: Mapping[Fate, float] = RATES, seed: int = 0) -> None:
        self._rates = [rates[fate] for fate in Fate]
        self._random = random.Random(seed)

    def script(self, text: str) -> tuple[list[Region], list[Region], Counter[Place]]:
        """What is predicted in a text, what the annotator leaves there, and what that is by label and fate."""
        predicted: list[Region] = []
        annotated: list[Region] = []
        truth: Counter[Place] = Counter()
        for place in range(STRETCHES):
            start = text.index(f"Aaaa{place}")
            fate = self._random.choices(list(Fate), self._rates)[0]
            label, other = self._random.sample(LABELS, 2)
            truth[Place(label, fate)] += 1
            if fate is not Fate.MISSED:
                predicted.append(region(text, start, start + 5, label))
            if fate is not Fate.ADDED:
                end = start + 11 if fate is Fate.SHIFTED else start + 5
                annotated.append(region(text, start, end, other if fate is Fate.RELABELLED else label))
        return predicted, annotated, truth


def region(text: str, start: int, end: int, label: str) -> Region:
    value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value}


def sums(truths: Sequence[Mapping[Place, int]]) -> dict[Place, int]:
    """The sum of counts, without those that are 0."""
    total: Counter[Place] = Counter()
    for truth in truths:
        total.update(truth)
    return dict(+total)
