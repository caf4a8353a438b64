"""Draws the figures that the benchmarks have written: python -m benchmarks.plots"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Any

import matplotlib as mpl
import typer
from matplotlib import pyplot as plt

from benchmarks import gains
from benchmarks.bars import RESULTS

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "spanloop"  # the same figures give the same file


def main(results: Annotated[Path, typer.Option(help="The folder with the JSON.")] = RESULTS) -> None:
    """Draw each benchmark that has been run."""
    for name, draw in (("engine", engine), ("service", service), ("growth", growth), ("training", training)):
        path = results / f"{name}.json"
        if path.exists():
            results_of_one = json.loads(path.read_text())
            figure = draw(results_of_one["measured"])
            machine = results_of_one["machine"]
            figure.suptitle(f"{machine['processor']}, {machine['date']}", fontsize=8, x=0.99, ha="right")
            save(figure, results / f"{name}.svg")


def save(figure: Any, path: Path) -> None:
    """Write a figure as SVG and forget it."""
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def engine(measured: list[dict[str, Any]]) -> Any:
    """Texts per second of each way, as multiples of the naive loop's."""
    figure, axes = plt.subplots(figsize=(9, 0.55 * len(measured) + 1))
    ways = list(dict.fromkeys(way for one in measured for way in one["speeds"]))
    height = 0.8 / len(ways)
    for number, way in enumerate(ways):
        for row, one in enumerate(measured):
            naive = one["speeds"][ways[0]]
            ratios = [fast / slow for fast, slow in zip(one["speeds"].get(way, []), naive, strict=False)]
            if ratios:
                label = way if row == 0 else None
                axes.barh(row + number * height, median(ratios), height, color=f"C{number}", label=label)
    names = [one["setting"] for one in measured]
    axes.set_yticks(
        [row + 0.4 - height / 2 for row in range(len(measured))],
        [f"{s['shape']}, {s['words']}, {s['labels']} labels, {s['threads']} threads" for s in names],
    )
    axes.invert_yaxis()
    axes.set_xlabel(f"texts a second, multiples of {ways[0]}")
    axes.legend(loc="lower right")
    return figure


def service(measured: list[dict[str, Any]]) -> Any:
    """Texts per second over HTTP and in process."""
    measured = [one for one in measured if "concurrency" in one]
    figure, axes = plt.subplots(figsize=(9, 4))
    for number, way in enumerate(("engine", "service")):
        speeds = [median(one[way]["texts a second"]) for one in measured]
        axes.bar([place + 0.4 * number for place in range(len(measured))], speeds, 0.4, label=way)
    axes.set_xticks(
        [place + 0.2 for place in range(len(measured))],
        [f"{one['concurrency']} ask\nfor {one['batch']}" for one in measured],
    )
    axes.set_ylabel("texts a second")
    axes.legend()
    return figure


def growth(measured: list[dict[str, Any]]) -> Any:
    """Seconds over size, on logarithmic axes."""
    figure, panels = plt.subplots(1, len(measured), figsize=(3.2 * len(measured), 3))
    for axes, one in zip(panels, measured, strict=True):
        axes.loglog(one["sizes"], one["seconds"], "o-")
        axes.set_xlabel(f"{one['of']} (exponent {one['exponent']:.2f})")
    panels[0].set_ylabel("seconds")
    return figure


def training(measured: list[dict[str, Any]]) -> Any:
    """Examples per second, and the F1 after fine-tuning."""
    ways = list(dict.fromkeys(one["way"] for one in measured))
    figure, panels = plt.subplots(1, 2, figsize=(7, 3))
    for axes, key, title in zip(panels, ("examples_a_second", "f1"), ("examples a second", "F1"), strict=True):
        for place, way in enumerate(ways):
            values = [one[key] for one in measured if one["way"] == way]
            axes.bar(place, median(values), color=f"C{place}")
            axes.plot([place] * len(values), values, "k.")
        axes.set_xticks(range(len(ways)), ways)
        axes.set_title(title)
    figure.tight_layout()
    return figure


def learning(lines: Sequence[gains.Line]) -> Any:
    """F1 on the test set over the tasks learnt from, and what is forgotten; bars are 95 % intervals over the folds."""
    remembered = sorted({part for line in lines for part in line["sets"]} - {gains.TEST})
    titles = {gains.TEST: "F1 on new texts", **{part: f"{part}: change of F1" for part in remembered}}
    figure, panels = plt.subplots(1, len(titles), figsize=(4 * len(titles), 3.2), squeeze=False)
    for axes, (part, title) in zip(panels[0], titles.items(), strict=True):
        for curve, by_tasks in gains.curves(lines).items():
            of_part = {tasks: [one for one in some if part in one["sets"]] for tasks, some in by_tasks.items()}
            folds = {tasks: gains.by_fold(some, lambda line, part=part: gains.change(line, part))
                     for tasks, some in of_part.items() if some}  # fmt: skip
            before = mean(line["sets"][part]["before"]["f1"] for some in of_part.values() for line in some)
            start = before if part == gains.TEST else 0.0
            values = [start, *(start + mean(changes) for changes in folds.values())]
            halves = [0.0, *(gains.half_interval(changes) or 0.0 for changes in folds.values())]
            label = ", ".join([curve.model, curve.recipe, *([curve.choose] if curve.choose != "random" else [])])
            axes.errorbar([0, *folds], values, yerr=halves, marker="o", capsize=3, label=label)
        axes.set_xscale("symlog", linthresh=50)
        axes.set_xlabel("tasks learnt from")
        axes.set_title(title, fontsize=10)
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    typer.run(main)
