"""How much a run on 200 annotated tasks improves a model, and how much the model forgets.

    python -m benchmarks.learning --data ../shared/data

This is a cross-validation on the medical part of MultiCoNER v2. For each fold and seed a model learns from 200
sentences of the other folds exactly as a training run does (validation part, replay, recipe). The code that serves
scores the fold's sentences before and after. Forgetting is scored on BC5CDR's dev part.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.labelstudio.wordings import in_words
from service.model.computing import use_threads
from service.model.model import Model
from service.model.spans import Span
from service.versions.names import initial_version
from training.dataset import Document, divide
from training.judge import score
from training.learn import Learning
from training.settings import TrainingSettings

T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""Student's t for a two-sided 95 % interval, by degrees of freedom (the number of folds minus one)."""

screen = Console()


def read(path: Path) -> list[Document]:
    """Read a data set with one JSON object per line. Each text gets all labels of the data set, in words."""
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    labels = tuple(sorted({in_words(span["label"]) for entry in entries for span in entry["spans"]}))
    return [
        Document(e["text"], labels, tuple(Span(s["start"], s["end"], in_words(s["label"]), 1.0) for s in e["spans"]))
        for e in entries
    ]


def interval(rows: Sequence[dict[str, float]], change: Callable[[dict[str, float]], float]) -> str:
    """The mean change and the 95 % interval of the mean (Student's t over the folds).

    The seeds of one fold are scored on the same sentences, so their mean counts as one observation.
    """
    folds = sorted({row["fold"] for row in rows})
    values = [mean(change(row) for row in rows if row["fold"] == fold) for fold in folds]
    if len(values) < 2:
        return f"{mean(values):+.3f}"
    half = T_95[len(values) - 1] * stdev(values) / len(values) ** 0.5
    return f"{mean(values):+.3f} ± {half:.3f}"


@dataclass(frozen=True)
class Case:
    """One run of the study: documents to learn from, to test on, and to measure forgetting on."""

    seed: int
    fold: int
    training: list[Document]
    test: list[Document]
    general: list[Document]


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data sets.")],
    folds: Annotated[int, typer.Option(help="How many of the five folds are measured.")] = 5,
    seeds: Annotated[int, typer.Option(help="Runs per fold.")] = 3,
    tasks: Annotated[int, typer.Option(help="Sentences that a run learns from.")] = 200,
    general: Annotated[int, typer.Option(help="Random sentences of BC5CDR's dev part for forgetting.")] = 1_000,
    out: Annotated[Path, typer.Option(help="The file for the figures.")] = Path("benchmarks/results/learning.json"),
) -> None:
    """Measure all folds and seeds, print a table, and write the figures."""
    settings = TrainingSettings()
    medical = [*read(data / "multiconer_v2_en_medical/train.jsonl"), *read(data / "multiconer_v2_en_medical/dev.jsonl")]
    Random(0).shuffle(medical)
    sample = Random(0).sample(read(data / "bc5cdr/dev.jsonl"), general)
    cases = [case(seed, fold, medical, sample, tasks) for seed in range(seeds) for fold in range(folds)]
    rows = []
    # A small model gains little from a second thread, so one run per CPU goes at the same time.
    with ProcessPoolExecutor(settings.compute_threads, mp_context=get_context("spawn")) as pool:
        for row in pool.map(measure, cases):
            rows.append(row)
            screen.print_json(json.dumps(row))
    show(rows, tasks)
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {"date": f"{date.today()}", "machine": machine(), "at_a_time": settings.compute_threads}
    result = {**about, "model": initial_version(settings.model, settings.window_words), "tasks": tasks, "rows": rows}
    out.write_text(json.dumps(result, indent=1) + "\n")


def case(seed: int, fold: int, medical: Sequence[Document], general: list[Document], tasks: int) -> Case:
    """A case with `tasks` random sentences of the other folds to learn from, and this fold's sentences to test on."""
    others = [document for index, document in enumerate(medical) if index % 5 != fold]
    return Case(seed, fold, Random(f"{seed}:{fold}").sample(others, tasks), list(medical[fold::5]), general)


def measure(case: Case) -> dict[str, float]:
    """Learn as a run does, and score before and after. A process of its own calls this."""
    use_threads(1)
    settings = TrainingSettings(seed=case.seed)
    model = Model.load(settings.model, window_words=settings.window_words)
    before, general_before = (score(model, part, settings.threshold).f1 for part in (case.test, case.general))
    began, spent = time.monotonic(), time.process_time()
    training, validation = divide(case.training)
    learning = Learning(settings, model, training)
    learning.tune(learning.replay([]), validation)
    seconds, cpu = time.monotonic() - began, time.process_time() - spent
    return {
        "seed": case.seed,
        "fold": case.fold,
        "before": before,
        "after": score(model, case.test, settings.threshold).f1,
        "bc5cdr_before": general_before,
        "bc5cdr_after": score(model, case.general, settings.threshold).f1,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }


def machine() -> str:
    """The name of the CPU's model, or of its architecture if Linux does not give one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def show(rows: Sequence[dict[str, float]], tasks: int) -> None:
    table = Table("", "before", "after", "change (95 %)", title=f"{tasks} annotated tasks, {len(rows)} runs")
    table.add_row("medical, strict micro F1", *_means(rows, "before", "after"), interval(rows, _gain))
    table.add_row(
        "bc5cdr dev, strict micro F1", *_means(rows, "bc5cdr_before", "bc5cdr_after"), interval(rows, _forgetting)
    )
    table.add_row("seconds a run", "", f"{mean(row['seconds'] for row in rows):.0f}", "")
    screen.print(table)


def _gain(row: dict[str, float]) -> float:
    return row["after"] - row["before"]


def _forgetting(row: dict[str, float]) -> float:
    return row["bc5cdr_after"] - row["bc5cdr_before"]


def _means(rows: Sequence[dict[str, float]], *names: str) -> list[str]:
    return [f"{mean(row[name] for row in rows):.3f}" for name in names]


if __name__ == "__main__":
    typer.run(main)
