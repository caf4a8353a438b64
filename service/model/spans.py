"""Spans of a text, and the choice among overlapping ones."""

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
    """What one text yielded: its spans in reading order, and how certain the model is of them.

    `certainty` is in [0, 1]: the margin to the threshold of the decision nearest to it, whether a span was
    taken or left. 0 is a decision on the fence, 1 a text without any doubt; sorted upwards, it puts the
    tasks that most need a person first (least-confidence sampling, Settles 2009, section 3.1).
    """

    spans: tuple[Span, ...]
    certainty: float


def without_overlaps(candidates: Iterable[Span]) -> list[Span]:
    """The best candidates that do not overlap, in reading order.

    The same greedy choice as GLiNER's flat decoding: by falling score; ties go to the earlier start, then to the
    shorter span, then to the label's name, so that the result does not depend on the order given.
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
        # What is chosen lies apart, in reading order: only the neighbours can overlap.
        place = bisect_left(chosen, span.start, key=lambda other: other.start)
        after_previous = place == 0 or chosen[place - 1].end <= span.start
        before_next = place == len(chosen) or span.end <= chosen[place].start
        if after_previous and before_next:
            chosen.insert(place, span)
    return chosen


def _margin(score: float, threshold: float) -> float:
    """How far a score is from its threshold, as a part of how far it could be."""
    return (score - threshold) / (1 - threshold) if score > threshold else (threshold - score) / threshold
