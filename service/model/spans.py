"""Spans of a text, and the choice among overlapping spans."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from service.model.reading import Overlap

OneT = TypeVar("OneT", bound=tuple[Any, ...])
OtherT = TypeVar("OtherT", bound=tuple[Any, ...])


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
    """The spans of one text in reading order, an outer one before those within it, and how certain the model is.

    `certainty` is in [0, 1]: the smallest distance of a span's score to the threshold, as a share of the largest
    possible distance. It counts taken and rejected spans. 0 is a score at the threshold, 1 a text without candidates.
    Sorted by certainty, the tasks that most need a person come first (least-confidence sampling, Settles 2009,
    section 3.1).
    """

    spans: tuple[Span, ...]
    certainty: float


def touching(ones: Iterable[OneT], others: Sequence[OtherT]) -> Iterator[tuple[OneT, OtherT]]:
    """The pairs of spans that share characters. Each begins with its start and end; `others` are by their starts."""
    starts = [other[0] for other in others]
    longest = max((other[1] - other[0] for other in others), default=0)
    for one in ones:
        near = others[bisect_right(starts, one[0] - longest) : bisect_left(starts, one[1])]
        yield from ((one, other) for other in near if other[1] > one[0])


class Taken(Protocol):
    """The spans that are taken so far in one way of decoding."""

    def admits(self, span: Span) -> bool:
        """Whether a span may stand beside all that are taken."""
        ...

    def take(self, span: Span) -> None: ...


class Flat:
    """No two spans share a character: GLiNER's `flat_ner=True`."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def admits(self, span: Span) -> bool:
        # The taken stretches do not overlap, so only two neighbours can overlap the new span.
        place = bisect_left(self._starts, span.start)
        after_previous = place == 0 or self._ends[place - 1] <= span.start
        return after_previous and (place == len(self._starts) or span.end <= self._starts[place])

    def take(self, span: Span) -> None:
        """Take a span over. With those taken that it overlaps it becomes one stretch."""
        first, behind = bisect_right(self._ends, span.start), bisect_left(self._starts, span.end)
        self._starts[first:behind] = [min([span.start, *self._starts[first:behind]])]
        self._ends[first:behind] = [max([span.end, *self._ends[first:behind]])]


class Multi:
    """No span crosses another: of two that overlap one contains the other. A stretch may have several labels.

    This is GLiNER's `flat_ner=False` with `multi_label=True`.
    """

    def __init__(self) -> None:
        self._identities: set[tuple[int, int, str]] = set()
        self._furthest: dict[int, int] = {}
        """By each start of a taken span the last of the ends of those that start there."""
        self._earliest: dict[int, int] = {}
        """By each end of a taken span the first of the starts of those that end there."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        """The keys of both, sorted."""

    def admits(self, span: Span) -> bool:
        # A span crosses another if just one boundary of the other lies within it. Few words lie within a span.
        starts = self._starts[bisect_right(self._starts, span.start) : bisect_left(self._starts, span.end)]
        ends = self._ends[bisect_right(self._ends, span.start) : bisect_left(self._ends, span.end)]
        return (
            self._identity(span) not in self._identities
            and all(self._furthest[start] <= span.end for start in starts)
            and all(self._earliest[end] >= span.start for end in ends)
        )

    def take(self, span: Span) -> None:
        self._identities.add(self._identity(span))
        if span.start not in self._furthest:
            insort(self._starts, span.start)
        if span.end not in self._earliest:
            insort(self._ends, span.end)
        self._furthest[span.start] = max(span.end, self._furthest.get(span.start, span.end))
        self._earliest[span.end] = min(span.start, self._earliest.get(span.end, span.start))

    def _identity(self, span: Span) -> tuple[int, int, str]:
        """What no two of the spans have in common."""
        return span[:3]


class Nested(Multi):
    """No span crosses another, and a stretch has one label: GLiNER's `flat_ner=False`."""

    def _identity(self, span: Span) -> tuple[int, int, str]:
        return (span.start, span.end, "")


WAYS: Mapping[Overlap, type[Taken]] = {"flat": Flat, "nested": Nested, "multi": Multi}
"""The ways of decoding. Which spans conflict is what GLiNER 0.2.29 says (`gliner.decoding.utils`)."""
TOLD: Mapping[Overlap, str] = {
    "flat": "Spans do not overlap",
    "nested": "A span may lie within another",
    "multi": "A span may lie within another, and may have several labels",
}
"""The same in words for a person."""


def best(candidates: Iterable[Span], overlap: Overlap) -> list[Span]:
    """The best candidates that may stand beside each other, in reading order.

    This is GLiNER's greedy choice, by falling score. Ties go to the earlier start, then to the shorter span, then to
    the label that sorts first: the result does not depend on the order of the candidates.
    """
    return sorted(_greedy(candidates, WAYS[overlap]()), key=_place)


def decide(
    candidates: Iterable[Span],
    threshold: float,
    thresholds: Mapping[str, float] | None = None,
    overlap: Overlap = "flat",
) -> Extraction:
    """Take the best candidates whose score is above `threshold`, and say how certain that choice is.

    `thresholds` are those of single labels, by their wording. All thresholds are in (0, 1). A candidate at or below its
    threshold counts as a doubt only where it may stand beside all that was taken: with a higher score it would be one
    of them.
    """
    own = thresholds or {}
    above: list[Span] = []
    below: list[Span] = []
    for span in candidates:
        (above if span.score > own.get(span.label, threshold) else below).append(span)
    taken = WAYS[overlap]()
    spans = sorted(_greedy(above, taken), key=_place)
    decisions = [*spans, *filter(taken.admits, below)]
    margins = (_margin(span.score, own.get(span.label, threshold)) for span in decisions)
    return Extraction(tuple(spans), min(margins, default=1.0))


def beside(spans: Iterable[Span], given: Iterable[Span], overlap: Overlap) -> tuple[Span, ...]:
    """The spans that may stand beside each of the given ones, however those stand to each other."""
    taken = WAYS[overlap]()
    for span in given:
        taken.take(span)
    return tuple(filter(taken.admits, spans))


def _greedy(candidates: Iterable[Span], taken: Taken) -> Iterator[Span]:
    """Take the candidates that are admitted, the best first."""
    for span in sorted(candidates, key=_rank):
        if taken.admits(span):
            taken.take(span)
            yield span


def _rank(span: Span) -> tuple[float, int, int, str]:
    return (-span.score, span.start, span.end, span.label)


def _place(span: Span) -> tuple[int, int, float, str]:
    """Where a span stands in reading order: of several labels of a stretch the most probable comes first."""
    return (span.start, -span.end, -span.score, span.label)


def _margin(score: float, threshold: float) -> float:
    """The distance of a score from its threshold, as a share of the largest possible distance."""
    return (score - threshold) / (1 - threshold) if score > threshold else (threshold - score) / threshold
