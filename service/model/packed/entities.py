"""Chooses the candidate spans of a window from its scores."""

from __future__ import annotations

import math

import torch

from service.model.spans import Span
from service.model.windows import Window


def entities(window: Window, logits: torch.Tensor, floor: float) -> list[Span]:
    """The best spans above the probability `floor` that do not overlap, by falling score, in code points of the text.

    `logits` is [words, width, labels]. The choice is that of `service.model.spans.without_overlaps`: the stable sort
    keeps ties in the order of starts, ends and labels.
    """
    flat = logits.flatten()
    above = (flat > math.log(floor / (1 - floor))).nonzero().squeeze(1)
    scores, order = flat[above].sort(descending=True, stable=True)
    widths, labels = logits.shape[1:]
    # `taken` has a bit for each word that a chosen span covers.
    count, taken, chosen = len(window.words), 0, []
    for place, score in zip(above[order].tolist(), scores.sigmoid().tolist(), strict=True):
        span, label = divmod(place, labels)
        start, more = divmod(span, widths)
        words = ((2 << more) - 1) << start
        if start + more < count and not taken & words:
            taken |= words
            chosen.append(Span(window.starts[start], window.ends[start + more], window.group.labels[label], score))
    return chosen
