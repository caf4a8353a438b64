"""The learning curve of a run as a small drawing on the page: where its points and lines are."""

from __future__ import annotations

from typing import NamedTuple

from service.runs.curve import LearningCurve

WIDTH, HEIGHT = 170, 110
"""The size of the drawing, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 38, 6, 8, 18
"""The margins, in pixels: figures stand at the left and below."""


class Place(NamedTuple):
    """A point of the drawing, in pixels from its upper left corner."""

    x: float
    y: float


class Interval(NamedTuple):
    """A vertical line from the upper to the lower end of an interval, in pixels."""

    x: float
    top: float
    bottom: float


class Drawing(NamedTuple):
    """What is drawn of one curve."""

    measured: tuple[Place, ...]
    expected: tuple[Place, ...]
    """From the last measured point through what is expected of more tasks."""
    intervals: tuple[Interval, ...]
    lowest: float
    """The F1 at the lower edge."""
    highest: float
    """The F1 at the upper edge."""
    most: int
    """The number of tasks at the right edge."""


def draw(curve: LearningCurve) -> Drawing | None:
    """The drawing of a curve; None if nothing was measured."""
    if not curve.points:
        return None
    last = curve.points[-1]
    ahead = [(last.tasks + more, gain) for more, gain in sorted(curve.gains.items())]
    most = max([last.tasks, *(tasks for tasks, _ in ahead), 1])
    ends = [last.f1 + end for _, gain in ahead for end in (gain.low, gain.high)]
    values = [*(point.f1 for point in curve.points), *ends]
    lowest, highest = max(min(values), 0.0), min(max(values), 1.0)
    if highest - lowest < 0.01:
        lowest, highest = lowest - 0.005, highest + 0.005

    def across(tasks: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * tasks / most, 1)

    def down(f1: float) -> float:
        inside = min(max(f1, lowest), highest)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (highest - inside) / (highest - lowest), 1)

    measured = tuple(Place(across(point.tasks), down(point.f1)) for point in curve.points)
    return Drawing(
        measured=measured,
        expected=(measured[-1], *(Place(across(tasks), down(last.f1 + gain.expected)) for tasks, gain in ahead)),
        intervals=tuple(
            Interval(across(tasks), down(last.f1 + gain.high), down(last.f1 + gain.low)) for tasks, gain in ahead
        ),
        lowest=lowest,
        highest=highest,
        most=most,
    )
