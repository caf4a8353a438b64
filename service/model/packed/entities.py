"""From a window's scores to its candidate spans."""

from __future__ import annotations

import math

import torch

from service.model.spans import Span
from service.model.windows import Window


def entities(window: Window, logits: torch.Tensor, floor: float) -> list[Span]:
    """Of logits [words, width, labels] the best spans above `floor` that do not overlap, in code points of the text.

    The choice of `service.model.spans.without_overlaps`: by falling score; a stable sort leaves ties in the order of
    the logits, which is that of starts, ends and labels.
    """
    flat = logits.flatten()
    above = (flat > math.log(floor / (1 - floor))).nonzero().squeeze(1)
    scores, order = flat[above].sort(descending=True, stable=True)
    widths, labels = logits.shape[1:]
    count, taken, found = len(window.words), 0, []
    for place, score in zip(above[order].tolist(), scores.sigmoid().tolist(), strict=True):
        span, label = divmod(place, labels)
        start, more = divmod(span, widths)
        words = ((2 << more) - 1) << start
        if start + more < count and not taken & words:
            taken |= words
            found.append(Span(window.starts[start], window.ends[start + more], window.group.labels[label], score))
    return found
