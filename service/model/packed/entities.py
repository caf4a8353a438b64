"""Chooses the candidate spans of a window from its scores."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from service.model.spans import Span
from service.model.windows import Window


def entities(window: Window, logits: torch.Tensor, floor: float) -> list[Span]:
    """The candidate spans above the probability `floor`, by falling score, in code points of the text.

    `logits` is [words, width, labels]. Unless the window keeps overlaps, only the best that do not overlap are
    candidates, as in `service.model.spans.Flat`: the stable sort keeps ties in the order of starts, ends and labels.
    """
    found = _best_first(window, logits, floor)
    return [_span(window, *one) for one in (found if window.keeps_overlaps else _apart(found))]


def _best_first(window: Window, logits: torch.Tensor, floor: float) -> Iterator[tuple[int, int, int, float]]:
    """Candidate spans of words by falling score: first word, number of words after it, label, score."""
    flat = logits.flatten()
    above = (flat > math.log(floor / (1 - floor))).nonzero().squeeze(1)
    scores, order = flat[above].sort(descending=True, stable=True)
    widths, labels = logits.shape[1:]
    count = len(window.words)
    for place, score in zip(above[order].tolist(), scores.sigmoid().tolist(), strict=True):
        span, label = divmod(place, labels)
        start, more = divmod(span, widths)
        if start + more < count:
            yield start, more, label, score


def _apart(found: Iterator[tuple[int, int, int, float]]) -> Iterator[tuple[int, int, int, float]]:
    """The spans that overlap none before them. `taken` has a bit for each word that one covers."""
    taken = 0
    for one in found:
        words = ((2 << one[1]) - 1) << one[0]
        if not taken & words:
            taken |= words
            yield one


def _span(window: Window, start: int, more: int, label: int, score: float) -> Span:
    return Span(window.starts[start], window.ends[start + more], window.group.labels[label], score)
