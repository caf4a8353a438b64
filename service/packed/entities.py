"""From a window's scores to its candidate spans."""

from __future__ import annotations

import math

import torch

from service.spans import Span, without_overlaps
from service.windows import Window


def entities(window: Window, logits: torch.Tensor, floor: float) -> list[Span]:
    """Of logits [words, width, labels] the best spans above `floor` that do not overlap, in code points of the text."""
    above = logits > math.log(floor / (1 - floor))
    places = above.nonzero()
    scores = logits[above].sigmoid().tolist()
    count = len(window.words)
    return without_overlaps(
        Span(window.starts[word], window.ends[word + more], window.group.labels[label], score)
        for (word, more, label), score in zip(places.tolist(), scores, strict=True)
        if word + more < count
    )
