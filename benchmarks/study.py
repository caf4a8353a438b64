"""The study of learning: the list of its measurements, and the tables and plots in docs/learning.md.

    python -m benchmarks.study --data ../shared/data --part medical
    python -m benchmarks.study --data ../shared/data --write-only

All parts together take many CPU-hours. A study that is stopped goes on behind the last case that it has measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import backtests, gains, plots
from benchmarks.bars import RESULTS
from benchmarks.cases import Case, lines, run
from benchmarks.study_model import FOLDER as STUDY_MODEL
from service.files import replace_text
from service.processors import available
from service.settings import STARTER

BC5CDR, GENERAL = "bc5cdr/dev.jsonl", "multiconer_v2_en/dev.jsonl"
ALL = 100_000
"""More tasks than any of the data sets has."""
SCORED = 1_000
DOCUMENT = Path("docs/learning.md")
BEGIN, END = "<!-- written by make study: begin -->", "<!-- written by make study: end -->"
screen = Console()


@dataclass(frozen=True)
class Part:
    """One data set of the study. Files are relative to the folder of the data sets."""

    about: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    remember: tuple[str, ...]
    tasks: tuple[int, ...]
    models: tuple[Path, ...]
    folds: int = 0
    choices: tuple[str, ...] = ("random",)
    seeds: int = 3
    compared: bool = True
    """Whether `train_model` is measured too."""


PARTS = {
    "medical": Part(
        "The medical part of MultiCoNER v2 (five labels, train and dev together), five folds.",
        ("multiconer_v2_en_medical/train.jsonl",),
        ("multiconer_v2_en_medical/dev.jsonl",),
        (BC5CDR, GENERAL),
        (50, 200, ALL),
        (STARTER, STUDY_MODEL),
        folds=5,
    ),
    "wnut17": Part(
        "WNUT17 (six labels of emerging entities in user text), its own dev part as the test set.",
        ("wnut17/train.jsonl",),
        ("wnut17/dev.jsonl",),
        (GENERAL,),
        (50, 200, 1_000, ALL),
        (STARTER, STUDY_MODEL),
    ),
    "bc5cdr": Part(
        "BC5CDR (chemicals and diseases in abstracts), its own dev part as the test set. The starter has learnt it, so "
        "only the study model is measured.",
        ("bc5cdr/train.jsonl",),
        (BC5CDR,),
        (GENERAL,),
        (50, 200, 1_000, ALL),
        (STUDY_MODEL,),
    ),
    "choice": Part(
        "200 tasks of which the base model is least certain, against 200 at random: the medical part, five folds.",
        ("multiconer_v2_en_medical/train.jsonl",),
        ("multiconer_v2_en_medical/dev.jsonl",),
        (),
        (200,),
        (STARTER,),
        folds=5,
        choices=("random", "certainty"),
        compared=False,
    ),
    "curve": Part(
        "The learning curve of a run on 200 tasks, and what 50 and 200 more brought: the medical part, five folds.",
        ("multiconer_v2_en_medical/train.jsonl",),
        ("multiconer_v2_en_medical/dev.jsonl",),
        (),
        (50, 100, 150, 200, 250, 400),
        (STARTER,),
        folds=5,
        seeds=1,
        compared=False,
    ),
}


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data sets.")] = Path("../shared/data"),
    part: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(PARTS)}; all without it.")] = None,
    results: Annotated[Path, typer.Option(help="The folder of the figures and plots.")] = RESULTS / "learning",
    write_only: Annotated[bool, typer.Option(help="Measure nothing; write the document of what is there.")] = False,
) -> None:
    """Measure what is missing, and write the tables and plots."""
    chosen = part or list(PARTS)
    unknown = set(chosen) - set(PARTS)
    if unknown:
        raise typer.BadParameter(
            f"the study has no part {', '.join(sorted(unknown))}; its parts are {', '.join(PARTS)}"
        )
    results.mkdir(parents=True, exist_ok=True)
    for name in [] if write_only else chosen:
        measure(PARTS[name], data, results / f"{name}.jsonl")
    write(results, DOCUMENT)


def measure(part: Part, data: Path, out: Path) -> None:
    """Measure a part: first as a run does it, then `train_model` with the CPU time that a run has taken."""
    for model in part.models:
        if not model.is_dir():
            screen.print(f"{model} is not there and is left out: python -m benchmarks.study_model trains it.")
            continue
        of_runs = list(cases(part, data, model, "run", dict.fromkeys(part.tasks, 0.0)))
        measured(of_runs, out)
        wanted = [case.identity() for case in of_runs]
        ours = [line for line in lines(out) if line["case"] in wanted]
        minutes = {
            tasks: round(mean(one["cpu_seconds"] for one in ours if one["case"]["tasks"] == tasks) / 60, 1)
            for tasks in part.tasks
        }
        if part.compared:
            measured(list(cases(part, data, model, "train_model", minutes)), out)


def measured(some: Sequence[Case], out: Path) -> None:
    for number, line in enumerate(run(some, out, available()), 1):
        screen.print(f"{out.stem}: {number}, {line['learnt_from']} tasks, gain {gains.change(line):+.3f}")


def cases(part: Part, data: Path, model: Path, recipe: str, minutes: dict[int, float]) -> Iterator[Case]:
    """The cases of a part with one model and recipe, the small ones first."""
    files = [tuple(str(data / file) for file in of) for of in (part.train, part.test, part.remember)]
    for tasks, seed, fold, choose in product(part.tasks, range(part.seeds), range(part.folds or 1), part.choices):
        yield Case(*files, part.folds, fold, tasks, seed, recipe, choose, str(model), minutes[tasks], SCORED)


def write(results: Path, document: Path) -> None:
    """Write the tables and plots of the parts that have figures between the document's markers."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    measured_parts = {name: found for name in PARTS if (found := lines(results / f"{name}.jsonl"))}
    for name, found in measured_parts.items():
        plots.save(plots.learning(found), results / f"{name}.svg")
    sections = [section(name, found, results) for name, found in measured_parts.items()]
    replace_text(document, "\n\n".join([f"{before}{BEGIN}", *(sections or ["Nothing is measured yet."]), END]) + after)


def section(name: str, found: Sequence[gains.Line], results: Path) -> str:
    """What the document says of one part."""
    blocks = [f"### {name}", PARTS[name].about, f"![F1 over tasks](../{results.as_posix()}/{name}.svg)"]
    for curve, by_tasks in gains.curves(found).items():
        monotone = "More tasks never bring less." if gains.is_monotone(by_tasks) else "**More tasks bring less here.**"
        chosen = "" if curve.choose == "random" else f", tasks chosen by {curve.choose}"
        blocks += [f"Model `{curve.model}`, recipe `{curve.recipe}`{chosen}:", _markdown(gains.table(by_tasks))]
        blocks += [monotone] if len(by_tasks) > 1 else []
    ours = [line for line in found if line["case"]["recipe"] == "run" and line["case"]["choose"] == "random"]
    backtest = backtests.predictions(ours)
    if backtest:
        blocks.append(f"F1 at more tasks, foretold from fewer: {backtests.told(backtest)}.")
    machines, dates = ({line[key] for line in found} for key in ("machine", "date"))
    blocks.append(f"{', '.join(sorted(machines))}; {min(dates)} to {max(dates)}; code {gains.codes(found)}.")
    return "\n\n".join(blocks)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    heads, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([heads, "|" + " --- |" * len(rows[0]), *others])


if __name__ == "__main__":
    typer.run(main)
