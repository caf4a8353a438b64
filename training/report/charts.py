"""The charts of a report. Each has a table beside it with the same figures, or a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from service.model.calibration import Calibration, logit, sigmoid
from service.versions.lineage import Blend, Calibrated
from training.judge.bootstrap import Difference
from training.report.confusion import Matrix
from training.report.drawing import INK, LINE, NEW, OLD, WIDTH, drawn, short
from training.trace import Point

MOST_BARS = 20
"""Labels of the bar chart; the table has all."""
ROW_INCHES = 0.3
LOGITS = [step / 10 for step in range(-60, 61)]
"""Where the map from scores to probabilities is drawn: scores of 0.002 to 0.998."""
DARKEST = 0.5
"""How opaque the colour of a cell is at most, so that the figure on it can be read."""


class Bar(NamedTuple):
    """The F1 of one label."""

    label: str
    new: float
    old: float


def intervals(differences: Mapping[str, Difference]) -> str:
    """Differences with their 95 % intervals, one below another."""

    def draw(axes: Axes) -> None:
        places = range(len(differences))
        values = [one.value for one in differences.values()]
        ends = [
            [max(one.value - one.low, 0.0) for one in differences.values()],
            [max(one.high - one.value, 0.0) for one in differences.values()],
        ]
        axes.axvline(0, color=INK, linewidth=1)
        axes.errorbar(values, places, xerr=ends, fmt="o", color=NEW, capsize=4)
        axes.set_yticks(places, list(differences))
        axes.set_ylim(len(differences) - 0.5, -0.5)
        axes.set_xlabel("difference of F1")
        axes.grid(axis="x")

    said = "Differences of F1 with their 95 % intervals. The table has the figures."
    return drawn("intervals", said, 0.8 + ROW_INCHES * len(differences), draw)


def labels(bars: Sequence[Bar], old: str) -> str:
    """The F1 of labels by the new version and by the model that it is compared with."""

    def draw(axes: Axes) -> None:
        shown = bars[:MOST_BARS]
        places = range(len(shown))
        above, below = [place - 0.2 for place in places], [place + 0.2 for place in places]
        axes.barh(above, [bar.new for bar in shown], 0.38, color=NEW, label="new version")
        axes.barh(below, [bar.old for bar in shown], 0.38, color=OLD, label=old)
        axes.set_yticks(places, [short(bar.label) for bar in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xlabel("F1")
        axes.grid(axis="x")
        axes.figure.legend(loc="outside upper left", ncols=2)

    said = "F1 of each label. The table has the figures."
    return drawn("labels", said, 1.1 + 1.3 * ROW_INCHES * min(len(bars), MOST_BARS), draw)


def confusion(matrix: Matrix) -> str:
    """What is annotated, in rows, against what is answered, in columns. A row's shares decide the colours."""

    def draw(axes: Axes) -> None:
        for row, counts in enumerate(matrix.counts):
            for column, count in enumerate(counts):
                if count:
                    _cell(axes, row, column, count, sum(counts))
        axes.set_xticks(range(len(matrix.columns)), [short(one) for one in matrix.columns], rotation=45, ha="right")
        axes.set_yticks(range(len(matrix.rows)), [short(one) for one in matrix.rows])
        axes.set_xlim(-0.5, len(matrix.columns) - 0.5)
        axes.set_ylim(len(matrix.rows) - 0.5, -0.5)
        axes.tick_params(length=0)
        axes.set_xlabel("answered")
        axes.set_ylabel("annotated")

    said = "Annotated labels against answered ones. The table has the figures."
    return drawn("confusion", said, 1.8 + ROW_INCHES * len(matrix.rows), draw)


def _cell(axes: Axes, row: int, column: int, count: int, whole: int) -> None:
    shade = 0.08 + (DARKEST - 0.08) * count / whole
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=NEW, alpha=shade, linewidth=0))
    axes.text(column, row, f"{count}", ha="center", va="center", fontsize=8)


def tuning(trace: Sequence[Point]) -> str:
    """The loss of a tuning over its steps and, if it was evaluated, its best F1."""
    lost = [(point.step, point.loss) for point in trace if point.loss is not None]
    scored = [(point.step, point.best) for point in trace if point.best is not None]

    def draw(axes: Any) -> None:
        first, *second = axes.flat if scored else [axes]
        first.plot(*zip(*lost, strict=True), color=NEW)
        first.set_ylabel("loss")
        first.set_ylim(bottom=0)
        for below in second:
            below.plot(*zip(*scored, strict=True), color=NEW, drawstyle="steps-post")
            below.set_ylabel("best F1")
            below.set_ylim(0, 1)
        last = second[0] if second else first
        last.set_xlabel("step")
        for one in (first, *second):
            one.grid(axis="y")

    return drawn("tuning", "Loss and best F1 over the steps.", 3.6 if scored else 2.4, draw, 2 if scored else 1)


def calibration(found: Calibration) -> str:
    """The probability that stands for each score of the network, a line for each label."""
    scores = [sigmoid(one) for one in LOGITS]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=OLD, linestyle=":")
        for offset in sorted(set(found.offsets.values())):
            axes.plot(scores, [sigmoid(found.slope * logit(score) + offset) for score in scores], color=NEW, alpha=0.7)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("score of the network")
        axes.set_ylabel("probability")
        axes.grid()

    return drawn("calibration", "Probabilities against the network's scores.", 0.75 * WIDTH, draw)


def reliability(found: Calibrated) -> str:
    """The share of the candidates that is right against what is said of them, before and after the calibration."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
        for groups, way, color, called in (
            (found.reliable_before, "s--", OLD, "scores of the network"),
            (found.reliable_after, "o-", NEW, "probabilities"),
        ):
            axes.plot(
                [one.probability for one in groups], [one.right for one in groups], way, color=color, label=called
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("what is said")
        axes.set_ylabel("share that is right")
        axes.grid()
        axes.figure.legend(loc="outside upper left", ncols=2)

    said = "The share of spans that is right, by score and by probability. The table has the figures."
    return drawn("reliability", said, 0.8 * WIDTH, draw)


def blend(found: Blend) -> str:
    """What each share of the way to the tuned weights brings on the validation texts, and what it makes forget."""
    shares = sorted(found.tried, key=lambda one: one.share)
    scored = [(one.share, one.f1) for one in shares if one.f1 is not None]

    def draw(axes: Axes) -> None:
        if scored:
            axes.plot(*zip(*scored, strict=True), "o-", color=NEW, label="F1 on validation")
        axes.plot([one.share for one in shares], [one.forgotten for one in shares], "s--", color=OLD, label="forgotten")
        axes.axhline(found.limit, color=INK, linewidth=1, linestyle=":", label="limit of forgetting")
        axes.axvline(found.share, color=LINE, linewidth=4, zorder=0, label="chosen")
        axes.set_xticks([one.share for one in shares], [f"{one.share:.0%}" for one in shares])
        axes.set_xlabel("share of the way to the tuned weights")
        axes.set_ylabel("F1")
        axes.grid(axis="y")
        axes.figure.legend(loc="outside upper left", ncols=2)

    return drawn("blend", "F1 and forgotten F1 by the share of the way. The table has the figures.", 3.2, draw)
