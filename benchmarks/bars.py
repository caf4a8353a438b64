"""Bars: limits that measured figures must meet. They are written beside the measurements."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import torch

RESULTS = Path("benchmarks/results")
BARS = "bars.json"


class Bar(NamedTuple):
    """A figure and its limit. If it cannot be measured on this machine, `met` is None and `unit` says why."""

    name: str
    value: float | None
    unit: str
    bar: float
    met: bool | None


def at_least(name: str, value: float, unit: str, bar: float) -> Bar:
    return Bar(name, round(value, 3), unit, bar, value >= bar)


def less_than(name: str, value: float, unit: str, bar: float) -> Bar:
    return Bar(name, round(value, 3), unit, bar, value < bar)


def write(folder: Path, name: str, measured: Sequence[object], bars: Iterable[Bar]) -> None:
    """Write the figures of one benchmark, and the bars of all benchmarks that have been run so far."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"processor": processor(), "date": date.today().isoformat(), "torch": torch.__version__}
    figures = {"machine": machine, "measured": measured, "bars": [bar._asdict() for bar in bars]}
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    benchmarks = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.name != BARS]
    all_bars = [bar for benchmark in benchmarks for bar in benchmark.get("bars", [])]
    (folder / BARS).write_text(json.dumps(all_bars, indent=1) + "\n")


def processor() -> str:
    """The name of the CPU's model, or of its architecture if Linux does not give one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
