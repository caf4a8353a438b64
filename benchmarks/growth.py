"""How cost grows: of extraction with texts, words of a text and labels, and of converting an export with tasks.

    python -m benchmarks.growth --data ../shared/data

The exponent is the slope of seconds over size between the two largest sizes, on logarithmic axes. An exponent of 1 is
proportional growth.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bars import RESULTS, Bar, less_than, write
from benchmarks.conversion import converted
from benchmarks.studio import serving
from benchmarks.texts import wordings
from service.model.computing import use_threads
from service.model.model import Model
from service.settings import STARTER

TEXTS = (8, 32, 128, 512)
WORDS = (100, 400, 1_600, 6_400)
LABELS = (5, 20, 80, 320)
TASKS = (10, 100, 1_000, 10_000, 100_000)
CONVERSION = ("exported", "read", "built")
"""The stages whose cost grows with tasks. They exclude importing packages and loading the model."""
ROUNDS = 3
TEXTS_FOR_LABELS = 8
"""Number of texts for the measurement with many labels."""
screen = Console()


@dataclass(frozen=True)
class Growth:
    """The seconds for each size of something, and further figures for each size."""

    of: str
    sizes: list[int]
    seconds: list[float]
    details: list[dict[str, Any]]

    @property
    def exponent(self) -> float:
        """The slope of seconds over size between the two largest sizes, on logarithmic axes."""
        return math.log(self.seconds[-1] / self.seconds[-2]) / math.log(self.sizes[-1] / self.sizes[-2])


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="The folder for the JSON.")] = RESULTS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each size is measured; the median counts.")] = ROUNDS,
    tasks: Annotated[int, typer.Option(help="The most tasks that are converted.")] = TASKS[-1],
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch computes with.")] = 1,
) -> None:
    """Measure, print tables, and write the figures and their bars."""
    use_threads(threads)
    sentences = data / "bc5cdr" / "dev.jsonl"
    found = []
    for growth in (*serving_costs(sentences, rounds), *conversion(sentences, [n for n in TASKS if n <= tasks], rounds)):
        screen.print(table(growth))
        found.append(growth)
    if tasks == TASKS[-1] and rounds >= ROUNDS:  # bars need the whole measurement
        write(out, "growth", [{**asdict(one), "exponent": one.exponent} for one in found], bars(found))


def serving_costs(sentences: Path, rounds: int) -> Iterator[Growth]:
    """Seconds of the starter for more texts, for longer texts and for more labels."""
    model = Model.load(str(STARTER), "cpu")
    model.use("auto")
    texts = [json.loads(line)["text"] for line in sentences.read_text(encoding="utf-8").splitlines()]
    words = " ".join(texts).split()
    few = wordings(5)
    yield growth("texts", TEXTS, rounds, lambda count: model.extract(texts[:count], few, 0.5))
    yield growth("words of a text", WORDS, rounds, lambda count: model.extract([" ".join(words[:count])], few, 0.5))
    some = texts[:TEXTS_FOR_LABELS]
    yield growth("labels", LABELS, rounds, lambda count: model.extract(some, wordings(count), 0.5))


def growth(of: str, sizes: Sequence[int], rounds: int, run: Callable[[int], Any]) -> Growth:
    """The median of the rounds for each size. A round runs all sizes in turn; the first warms up and does not count."""
    times: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(rounds + 1):
        for size in sizes:
            began = time.perf_counter()
            run(size)
            if number:
                times[size].append(time.perf_counter() - began)
    return Growth(of, list(sizes), [median(times[size]) for size in sizes], [{} for _ in sizes])


def conversion(sentences: Path, sizes: Sequence[int], rounds: int) -> Iterator[Growth]:
    """Seconds and peak memory of each stage of exporting and converting projects, one process per project."""
    by_size: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    with serving(sentences) as url:
        for _ in range(rounds):
            for size in sizes:
                by_size[size].append(converted(url, size)["stages"])
    for name in CONVERSION:
        of_stage = [[stages[name] for stages in by_size[size]] for size in sizes]
        seconds = [median(stage["seconds"] for stage in rounds_) for rounds_ in of_stage]
        peaks = [{"peak_mb": max(stage["peak_mb"] for stage in rounds_)} for rounds_ in of_stage]
        yield Growth(f"tasks {name}", list(sizes), seconds, peaks)


def bars(found: Sequence[Growth]) -> Iterator[Bar]:
    for one in found:
        yield less_than(
            f"seconds against {one.of}, from {one.sizes[-2]:,} to {one.sizes[-1]:,}", one.exponent, "exponent", 1.1
        )
    peaks = {one.of: one.details[-1].get("peak_mb", 0.0) for one in found}
    name = f"{TASKS[-1]:,} tasks exported and converted to"
    yield less_than(f"{name} documents, peak memory", peaks["tasks read"], "MB", 400)
    yield less_than(f"{name} a model's examples beside it, peak memory", peaks["tasks built"], "MB", 400)


def table(one: Growth) -> Table:
    made = Table(one.of, "seconds", "peak MB", title=f"exponent {one.exponent:.2f}")
    for size, seconds, detail in zip(one.sizes, one.seconds, one.details, strict=True):
        made.add_row(f"{size:,}", f"{seconds:.3f}", f"{detail['peak_mb']:.0f}" if detail else "")
    return made


if __name__ == "__main__":
    typer.run(main)
