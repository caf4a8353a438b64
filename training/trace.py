"""The trace of a tuning: its loss and its best score over the steps, which a resumed run goes on with."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from service.files import replace_text

FILE = "trace.json"
POINTS = 200
"""A tuning keeps about so many of its steps."""


class Point(msgspec.Struct, frozen=True):
    """Where a tuning stood after a step."""

    step: int
    loss: float | None
    """The smoothed loss of the new examples; None before the first finite one."""
    best: float | None
    """The best F1 on the validation texts so far; None before the first evaluation."""


class Trace:
    """The points of the last tuning of a run, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.points: list[Point] = msgspec.json.decode(path.read_bytes(), type=list[Point]) if path.exists() else []

    def add(self, step: int, steps: int, loss: float, best: float) -> None:
        """Keep the point of a step of so many, if it is one of those that are kept. `best` is negative if unknown.

        Points of this step or later ones are of a tuning before it, or of steps that are done again: they go.
        """
        if step % math.ceil(steps / POINTS) and step not in (1, steps):
            return
        point = Point(step, loss if math.isfinite(loss) else None, best if best >= 0 else None)
        self.points = [*(one for one in self.points if one.step < step), point]
        replace_text(self._path, msgspec.json.encode(self.points).decode())
