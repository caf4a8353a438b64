"""Whether the learning curve foretells what more tasks bring: predictions from few tasks against what was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.gains import TEST, Line
from training.curve import predict

FEWEST_POINTS = 2
"""A curve with fewer points besides the base model's foretells nothing."""
TOLERANCE = 0.02


class Prediction(NamedTuple):
    """F1 at a number of tasks, as it was predicted from the points up to `from_tasks`, and as it was measured."""

    from_tasks: int
    tasks: int
    predicted: float
    measured: float

    @property
    def is_right(self) -> bool:
        return abs(self.predicted - self.measured) <= TOLERANCE


def predictions(lines: Sequence[Line]) -> list[Prediction]:
    """For each fold and seed, the F1 at every number of tasks predicted from the smaller ones."""
    found: defaultdict[str, dict[int, Line]] = defaultdict(dict)
    for line in lines:
        same = {key: value for key, value in line["case"].items() if key != "tasks"}
        found[repr(same)][line["learnt_from"]] = line
    return [one for of_curve in found.values() for one in _of_curve(dict(sorted(of_curve.items())))]


def _of_curve(lines: dict[int, Line]) -> list[Prediction]:
    sizes = list(lines)
    base = [line["sets"][TEST]["before"]["f1"] for line in lines.values()][:1]
    measured = [line["sets"][TEST]["after"]["f1"] for line in lines.values()]
    return [
        Prediction(known, size, predict([0, *sizes[: last + 1]], [*base, *measured[: last + 1]], size), f1)
        for last, known in enumerate(sizes)
        if last + 1 >= FEWEST_POINTS
        for size, f1 in zip(sizes[last + 1 :], measured[last + 1 :], strict=True)
    ]


def told(found: Sequence[Prediction]) -> str:
    """How many predictions were right, in words."""
    if not found:
        return f"nothing to predict: a curve needs {FEWEST_POINTS} numbers of tasks and a larger one"
    by_sizes: defaultdict[tuple[int, int], list[Prediction]] = defaultdict(list)
    for one in found:
        by_sizes[one.from_tasks, one.tasks].append(one)
    parts = [f"{known:,} → {size:,}: {_right(some)}" for (known, size), some in sorted(by_sizes.items())]
    return f"{_right(found)} predictions ({_share(found):.0%}) are right within ±{TOLERANCE} F1 ({'; '.join(parts)})"


def _right(found: Sequence[Prediction]) -> str:
    return f"{sum(one.is_right for one in found)} of {len(found)}"


def _share(found: Sequence[Prediction]) -> float:
    return sum(one.is_right for one in found) / len(found)
