"""What the lines of the study of learning come to: mean gains with intervals, by tasks, recipe and data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import mean, stdev
from typing import Any, NamedTuple

from benchmarks.reliabilities import pooled

Line = dict[str, Any]

T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t for a two-sided 95 % interval, by degrees of freedom (the number of folds minus one)."""
TEST = "test"


class Curve(NamedTuple):
    """What the lines of one learning curve share."""

    data: str
    model: str
    recipe: str
    choose: str


def curves(lines: Sequence[Line]) -> dict[Curve, dict[int, list[Line]]]:
    """The lines by curve and wanted number of tasks, both sorted. Of all tasks the folds have about as many."""
    found: defaultdict[Curve, defaultdict[int, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        case = line["case"]
        data = f"{', '.join(case['train'])} ({case['folds']} folds)" if case["folds"] else ", ".join(case["train"])
        curve = Curve(data, case["model"], case["recipe"], case["choose"])
        found[curve][case["tasks"]].append(line)
    return {curve: dict(sorted(found[curve].items())) for curve in sorted(found)}


def change(line: Line, part: str = TEST) -> float:
    """What F1 on a set has changed by."""
    figures = line["sets"][part]
    return float(figures["after"]["f1"] - figures["before"]["f1"])


def by_fold(lines: Sequence[Line], value: Callable[[Line], float]) -> list[float]:
    """The mean of each fold's lines: the seeds of a fold are scored on the same texts, so they are one observation."""
    folds = sorted({line["case"]["fold"] for line in lines})
    return [mean(value(line) for line in lines if line["case"]["fold"] == fold) for fold in folds]


def half_interval(values: Sequence[float]) -> float | None:
    """Half of the 95 % interval of the mean (Student's t); None for a single value, and for more than ten."""
    if len(values) - 1 not in T_95:
        return None
    return float(T_95[len(values) - 1] * stdev(values) / len(values) ** 0.5)


def told(values: Sequence[float]) -> str:
    """The mean change, with its interval if there is one."""
    half = half_interval(values)
    return f"{mean(values):+.3f}" + ("" if half is None else f" ± {half:.3f}")


def worst_label(lines: Sequence[Line]) -> str:
    """The label whose F1 on the test set falls most in a fold (rises least), with that change."""
    falls = []
    for label in {label for line in lines for label in line["sets"][TEST]["before"]["support"]}:
        with_label = [line for line in lines if line["sets"][TEST]["before"]["support"].get(label)]
        changes = by_fold(with_label, lambda line, label=label: _of_label(line, label))  # type: ignore[misc]
        falls += [(one, label) for one in changes]
    return "{1} {0:+.3f}".format(*min(falls)) if falls else ""


def _of_label(line: Line, label: str) -> float:
    before, after = (line["sets"][TEST][when]["per_label"].get(label, 0.0) for when in ("before", "after"))
    return float(after - before)


def table(by_tasks: dict[int, list[Line]]) -> list[list[str]]:
    """One curve as rows of cells, the first row the heads."""
    remembered = sorted({part for lines in by_tasks.values() for line in lines for part in line["sets"]} - {TEST})
    heads = ["tasks", "runs", "F1 before", "F1 after", "gain (95 %)", *remembered, "worst label in a fold"]
    rows = [[*heads, "error of scores", "of probabilities", "pooled (by chance)", "CPU-minutes", "peak MB"]]
    for lines in by_tasks.values():
        means = [mean(line["sets"][TEST][when]["f1"] for line in lines) for when in ("before", "after")]
        changes = [told(by_fold(_with(lines, part), lambda line, part=part: change(line, part))) for part in remembered]
        rows.append(
            [
                f"{round(mean(line['learnt_from'] for line in lines)):,}",
                f"{len(lines)}",
                *(f"{value:.3f}" for value in means),
                told(by_fold(lines, change)),
                *changes,
                worst_label(lines),
                *(_error(lines, of) for of in ("scores", "probabilities")),
                _pooled(lines),
                f"{mean(line['cpu_seconds'] for line in lines) / 60:.1f}",
                f"{max(line['peak_mb'] for line in lines):,}",
            ]
        )
    return rows


def _error(lines: Sequence[Line], of: str) -> str:
    """The mean calibration error; empty for lines from before it was measured."""
    errors = [line["calibration_error"][of] for line in lines if "calibration_error" in line]
    return f"{mean(errors):.3f}" if errors else ""


def _pooled(lines: Sequence[Line]) -> str:
    """The calibration error of all versions together on the texts that told their calibrations, cross-validated."""
    versions = (line.get("version", {}).get("calibrated") or {} for line in lines)
    found = pooled([one["reliable_after"] for one in versions if one.get("reliable_after")])
    return f"{found.error:.3f} ({found.by_chance:.3f})" if found else ""


def _with(lines: Sequence[Line], part: str) -> list[Line]:
    return [line for line in lines if part in line["sets"]]


def is_monotone(by_tasks: dict[int, list[Line]]) -> bool:
    """Whether more tasks never bring a lower mean F1, over the folds and seeds that both numbers of tasks have."""
    scores = [
        {(line["case"]["fold"], line["case"]["seed"]): line["sets"][TEST]["after"]["f1"] for line in lines}
        for lines in by_tasks.values()
    ]
    return all(
        sum(more[one] - fewer[one] for one in fewer.keys() & more.keys()) >= 0 for fewer, more in pairwise(scores)
    )


def codes(lines: Sequence[Line]) -> str:
    """By which code the lines were measured."""
    return ", ".join(sorted({line["code"] for line in lines}))
