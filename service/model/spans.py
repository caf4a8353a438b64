"""Spans of a text, and the choice among overlapping spans."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """A labelled stretch of one text.

    `start` and `end` are code points of the text, `end` exclusive; `label` is the wording the model was asked
    with; `score` is the model's probability in [0, 1].
    """

    start: int
    end: int
    label: str
    score: float


class Extraction(NamedTuple):
    """The spans of one text in reading order, and how certain the model is of them.

    `certainty` is in [0, 1]: the smallest distance of a span's score to the threshold, as a share of the largest
    possible distance. It counts taken and rejected spans. 0 is a score at the threshold, 1 a text without candidates.
    Sorted by certainty, the tasks that most need a person come first (least-confidence sampling, Settles 2009,
    section 3.1).
    """

    spans: tuple[Span, ...]
    certainty: float


def without_overlaps(candidates: Iterable[Span]) -> list[Span]:
    """The best candidates that do not overlap, in reading order.

    This is the greedy choice of GLiNER's flat decoding, by falling score. Ties go to the earlier start, then to the
    shorter span, then to the label that sorts first: the result does not depend on the order of the candidates.
    """
    chosen: list[Span] = []
    for span in sorted(candidates, key=lambda s: (-s.score, s.start, s.end, s.label)):
        # The chosen spans are in reading order and do not overlap, so only two neighbours can overlap the new span.
        place = bisect_left(chosen, span.start, key=lambda other: other.start)
        after_previous = place == 0 or chosen[place - 1].end <= span.start
        before_next = place == len(chosen) or span.end <= chosen[place].start
        if after_previous and before_next:
            chosen.insert(place, span)
    return chosen


def decide(candidates: Iterable[Span], threshold: float) -> Extraction:
    """Take the candidates whose score is above `threshold`, and say how certain that choice is.

    A candidate at or below the threshold counts as a doubt only if `without_overlaps` keeps it. `threshold` is in
    (0, 1).
    """
    kept = without_overlaps(candidates)
    spans = tuple(span for span in kept if span.score > threshold)
    margins = [
        (span.score - threshold) / (1 - threshold) if span.score > threshold else (threshold - span.score) / threshold
        for span in kept
    ]
    return Extraction(spans, min(margins, default=1.0))
