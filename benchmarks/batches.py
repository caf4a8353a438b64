"""Texts per second for several batch sizes on this machine, in sub-tokens.

python -m benchmarks.batches --data ../shared/data
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.shapes import SHAPES
from benchmarks.texts import read, wordings
from service.model.computing import use_threads
from service.model.model import Model

SIZES = (256, 512, 768, 1024, 2048, 8192)
screen = Console()


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    shape: Annotated[str, typer.Option(help="The model's shape.")] = "gliner_small",
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch computes with.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="How often each size runs, in turn.")] = 5,
) -> None:
    """Print the median of the rounds for each size."""
    use_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        model = Model(SHAPES[shape](Path(folder)))
    model.use("auto")
    texts, labels = read(data, "short", 96), wordings(5)
    speeds: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(rounds + 1):
        for size in SIZES:
            model.batch_tokens = size
            began = time.perf_counter()
            model.extract(texts, labels, 0.5)
            if number:
                speeds[size].append(len(texts) / (time.perf_counter() - began))
    made = Table("sub-tokens a batch", "texts/s", "lowest to highest", title=f"{shape}, {threads} threads")
    for size, rates in speeds.items():
        made.add_row(str(size), f"{median(rates):.1f}", f"{min(rates):.1f} to {max(rates):.1f}")
    screen.print(made)


if __name__ == "__main__":
    typer.run(main)
