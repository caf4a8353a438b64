"""Stored predictions for `benchmarks.verdicts`: what real versions find in texts that none of them has learnt from.

    python -m benchmarks.stored --data ../shared/data --out FOLDER --repeats 5

The medical part of MultiCoNER v2 is divided into a half to learn from and a half that judges. The live version has
learnt from 200 tasks of the first half. The pairs of versions:

- `again`: the same tasks with another seed.
- `more`: the live version has learnt from the first 100 of the tasks, the new one from all.
- each of `benchmarks.harms`: the new one has learnt from 100 further tasks too, which are annotated wrongly, and so are
  as many of the texts that judge in proportion. Deleted annotations are deleted in all texts.

A file for each pair and repeat holds marks and spans, no text. What is there is not learnt again. Each version is
learnt in one tuning, without folds, and by one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from benchmarks.datasets import divided
from benchmarks.harms import HARMS
from benchmarks.recipes import RECIPES, Task
from service.files import replace_text
from service.model.computing import use_threads
from service.model.model import Model
from training import kernels
from training.dataset import Document
from training.judge.prediction import predict
from training.judge.scores import annotated
from training.judge.sheet import Judged, Sheet, Spans
from training.settings import TrainingSettings
from training.split import mark

CLEAN, FURTHER = 200, 100
PAIRS = ("again", "more", *HARMS)
screen = Console()


@dataclass(frozen=True)
class Material:
    """What one repeat learns from and judges by."""

    clean: Sequence[Document]
    further: Sequence[Document]
    judged: Sequence[Document]


class Versions:
    """Learns versions, and keeps what each finds, so that none is learnt twice."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._known: dict[str, list[Spans]] = {}

    def found(self, name: str, tasks: Sequence[Document], seed: int, judged: Sequence[Document]) -> list[Spans]:
        """What a version finds that has learnt from the tasks; without tasks what the base model finds."""
        if name not in self._known:
            settings = TrainingSettings(seed=seed, steps=self._steps, threads=1, cross_validated_texts=0)
            task = Task(settings, tasks, 0)
            model = RECIPES["run"](task).model if tasks else task.model()
            self._known[name] = _found(model, judged)
        return self._known[name]


def main(
    out: Annotated[Path, typer.Option(help="The folder of the stored predictions.")],
    data: Annotated[Path, typer.Option(help="The folder of the data sets.")] = Path("../shared/data"),
    pair: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(PAIRS)}; all without it.")] = None,
    repeats: Annotated[int, typer.Option(help="Draws of tasks and seeds of each pair.")] = 5,
    steps: Annotated[int, typer.Option(help="Steps of a tuning; 0: as many as a run takes.")] = 0,
) -> None:
    """Learn the versions whose predictions are not stored yet."""
    use_threads(1)
    kernels.keep_few()
    out.mkdir(parents=True, exist_ok=True)
    for repeat in range(repeats):
        of_repeat, versions = material(data, repeat), Versions(steps)
        for name in pair or PAIRS:
            file = out / f"{name}-{repeat}.json"
            if not file.exists():
                replace_text(file, msgspec.json.encode(sheet(name, of_repeat, versions, repeat)).decode())
                screen.print(f"{file} is written")


def material(data: Path, repeat: int) -> Material:
    """The tasks of a repeat: a draw from one half of the data, and the other half."""
    folder = data / "multiconer_v2_en_medical"
    pool, judged = divided([folder / "train.jsonl"], [folder / "dev.jsonl"], 2, repeat % 2)
    drawn = Random(repeat).sample(pool, CLEAN + FURTHER)
    return Material(drawn[:CLEAN], drawn[CLEAN:], judged)


def sheet(pair: str, of: Material, versions: Versions, seed: int) -> Sheet:
    """The stored predictions of a pair of versions: `base`, `champion` and `new`."""
    clean = of.clean[: CLEAN // 2] if pair == "more" else of.clean
    base = versions.found("base", [], seed, of.judged)
    champion = versions.found(f"{len(clean)}", clean, seed, of.judged)
    if pair == "again":
        new, judged = versions.found("again", clean, seed + 1000, of.judged), list(of.judged)
    elif pair == "more":
        new, judged = versions.found(f"{CLEAN}", of.clean, seed, of.judged), list(of.judged)
    else:
        learnt, judged = harmed(pair, of, Random(seed))
        new = versions.found(pair, learnt, seed, of.judged)
    labels = tuple(sorted({label for document in of.judged for label in document.labels}))
    early = _earlier(of.judged)
    documents = tuple(Judged(mark(one.text), annotated(one), place < early) for place, one in enumerate(judged))
    answers = {"base": tuple(base), "champion": tuple(champion), "new": tuple(new)}
    return Sheet(labels, documents, answers)


def harmed(harm: str, of: Material, random: Random) -> tuple[list[Document], list[Document]]:
    """What a harmful run learns from, and the texts that judge, of which the last are annotated wrongly as well."""
    spoil, early = HARMS[harm], _earlier(of.judged)
    if harm == "deleted":
        return spoil([*of.clean, *of.further], random), spoil(of.judged, random)
    return [*of.clean, *spoil(of.further, random)], [*of.judged[:early], *spoil(of.judged[early:], random)]


def _earlier(judged: Sequence[Document]) -> int:
    """How many of the texts that judge were annotated when the live version learnt, if they grow as the tasks do."""
    return len(judged) * CLEAN // (CLEAN + FURTHER)


def _found(model: Model, judged: Sequence[Document]) -> list[Spans]:
    found = predict(model, judged, None)
    return [tuple(span[:3] for span in one.extraction.spans) for one in found]


if __name__ == "__main__":
    typer.run(main)
