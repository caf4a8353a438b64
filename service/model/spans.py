"""Spans of a text, and the choice among overlapping spans."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
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
    return _apart(sorted(candidates, key=_rank))


def decide(candidates: Iterable[Span], threshold: float, thresholds: Mapping[str, float] | None = None) -> Extraction:
    """Take the candidates whose score is above `threshold`, and say how certain that choice is.

    `thresholds` are those of single labels, by their wording. A candidate at or below its threshold counts as a doubt
    only where it overlaps nothing that was taken. All thresholds are in (0, 1).
    """
    own = thresholds or {}

    def threshold_of(span: Span) -> float:
        return own.get(span.label, threshold)

    # What is above its threshold goes first: a higher score below a higher threshold must not take its place.
    kept = _apart(sorted(candidates, key=lambda span: (span.score <= threshold_of(span), *_rank(span))))
    spans = tuple(span for span in kept if span.score > threshold_of(span))
    return Extraction(spans, min((_margin(span.score, threshold_of(span)) for span in kept), default=1.0))


def _rank(span: Span) -> tuple[float, int, int, str]:
    return (-span.score, span.start, span.end, span.label)


def _apart(ranked: Iterable[Span]) -> list[Span]:
    """The spans that overlap none before them, in reading order."""
    chosen: list[Span] = []
    for span in ranked:
        # The chosen spans are in reading order and do not overlap, so only two neighbours can overlap the new span.
        place = bisect_left(chosen, span.start, key=lambda other: other.start)
        after_previous = place == 0 or chosen[place - 1].end <= span.start
        before_next = place == len(chosen) or span.end <= chosen[place].start
        if after_previous and before_next:
            chosen.insert(place, span)
    return chosen


def _margin(score: float, threshold: float) -> float:
    """The distance of a score from its threshold, as a share of the largest possible distance."""
    return (score - threshold) / (1 - threshold) if score > threshold else (threshold - score) / threshold
