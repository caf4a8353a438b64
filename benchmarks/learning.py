"""What runs on annotated tasks bring a model, and what it forgets. A line of JSON for each run.

    python -m benchmarks.learning --train train.jsonl --test dev.jsonl --remember other.jsonl \
        --tasks 50,200,1000 --seeds 3 --out figures.jsonl
    python -m benchmarks.learning show figures.jsonl
    python -m benchmarks.learning backtest figures.jsonl

A model learns exactly as a training run does, and the code that serves scores it before and after. A case that learns
from N tasks gives the run up to N/4 further tasks of its pool as held-out texts: where there are neither validation
texts nor folds, they tell what scores mean, as in a run. With --folds the files of --train and --test are
cross-validated together. Each case has a process of its own with one thread, and as many go at the same time as there
are processors. What the file holds is not measured again: use a new file after a change of the code.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import backtests, gains
from benchmarks.cases import CHOICES, Case, lines, run
from benchmarks.recipes import RECIPES
from service.processors import available

app = typer.Typer(add_completion=False)
screen = Console()

Files = Annotated[list[Path], typer.Argument(help="Files of figures.", exists=True)]


@app.callback(invoke_without_command=True, help=__doc__)
def main(
    context: typer.Context,
    train: Annotated[list[Path] | None, typer.Option(help="A file to learn from; may be repeated.")] = None,
    test: Annotated[list[Path] | None, typer.Option(help="A file to test on; may be repeated.")] = None,
    remember: Annotated[list[Path] | None, typer.Option(help="A file not to forget; may be repeated.")] = None,
    tasks: Annotated[str, typer.Option(help="How many tasks are learnt from: numbers with commas.")] = "50,200,1000",
    seeds: Annotated[int, typer.Option(help="Runs of each fold and number of tasks.")] = 3,
    folds: Annotated[int, typer.Option(help="Folds of a cross-validation; 0: the files of --test are tested on.")] = 0,
    recipe: Annotated[str, typer.Option(help=f"One of {', '.join(RECIPES)}.")] = "run",
    choose: Annotated[str, typer.Option(help=f"How tasks are chosen: {', '.join(CHOICES)}.")] = "random",
    model: Annotated[str, typer.Option(help="The base model; empty: that of SPANLOOP_MODEL.")] = "",
    minutes: Annotated[float, typer.Option(help="CPU-minutes that train_model may take.")] = 15,
    scored: Annotated[int, typer.Option(help="So many random texts of a set are scored at most.")] = 1_000,
    out: Annotated[Path | None, typer.Option(help="The file of figures, a JSON line each.")] = None,
) -> None:
    if context.invoked_subcommand:
        return
    if not train or not test or out is None:
        raise typer.BadParameter("--train, --test and --out say what is measured, and where the figures go")
    if recipe not in RECIPES or choose not in CHOICES:
        raise typer.BadParameter(f"recipes are {', '.join(RECIPES)}, and choices {', '.join(CHOICES)}")
    sizes = [int(size) for size in tasks.split(",")]
    files = [tuple(str(path) for path in paths or ()) for paths in (train, test, remember)]
    cases = [
        Case(*files, folds, fold, size, seed, recipe, choose, model, minutes, scored)
        for seed, size, fold in product(range(seeds), sizes, range(folds or 1))
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    for line in run(cases, out, available()):
        screen.print(json.dumps({key: line[key] for key in ("case", "steps", "cpu_seconds", "peak_mb")}))
        screen.print({part: round(gains.change(line, part), 3) for part in line["sets"]})
    show([out])


@app.command()
def show(files: Files) -> None:
    """Print the mean gains of each learning curve, and whether more tasks ever brought less."""
    found = [line for path in files for line in lines(path)]
    for curve, by_tasks in gains.curves(found).items():
        heads, *rows = gains.table(by_tasks)
        made = Table(*heads, title=f"{curve.data}; {curve.model}; {curve.recipe}; tasks chosen by {curve.choose}")
        for row in rows:
            made.add_row(*row)
        screen.print(made)
        screen.print("monotone" if gains.is_monotone(by_tasks) else "NOT monotone: more tasks brought a lower F1")
    screen.print(f"code: {gains.codes(found)}")


@app.command()
def backtest(files: Files) -> None:
    """Predict the F1 at larger numbers of tasks from the smaller ones, and say how often that was right."""
    for path in files:
        screen.print(f"{path}: {backtests.told(backtests.predictions(lines(path)))}")


if __name__ == "__main__":
    app()
