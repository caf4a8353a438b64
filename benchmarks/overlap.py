"""What it costs to decode more freely than the annotations are.

    python -m benchmarks.overlap --data ../shared/data

No spans of the data sets share words. Each set is scored as the starter decodes it in each of the three ways.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.datasets import read
from service.model.computing import use_threads
from service.model.model import Model
from service.settings import STARTER
from training.judge.scores import score
from training.overlap import WAYS

SETS = ("bc5cdr/dev", "multiconer_v2_en_medical/train", "wnut17/dev")


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data sets.")],
    sentences: Annotated[int, typer.Option(help="Random sentences of each set.")] = 800,
    threshold: Annotated[float, typer.Option(help="The lowest probability of a span.")] = 0.5,
) -> None:
    """Print a table: strict micro F1 by set and way."""
    use_threads(1)
    model = Model.load(str(STARTER), "cpu")
    table = Table("set", *WAYS)
    for name in SETS:
        documents = Random(0).sample(read(data / f"{name}.jsonl"), sentences)
        reading = model.reading
        models = [model.with_reading(reading.model_copy(update={"overlap": way})) for way in WAYS]
        table.add_row(name, *(f"{score(one, documents, threshold).f1:.3f}" for one in models))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
