"""The command line: `python -m training run | versions | show | promote | rollback`."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextlib import nullcontext
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from service import logs
from service.backend.label_studio import LabelStudio, LabelStudioError
from service.live import INITIAL, Conflict, LiveFile
from service.registry import Registry, UnknownVersion
from service.runs import Run, Runs, id_of
from training import watch
from training.settings import TrainingSettings
from training.shelf import LocalShelf, Shelf

app = typer.Typer(help="Training runs and versions of Spanloop.", no_args_is_help=True, add_completion=False)
screen = Console()

STOPPED = 143
"""What a shell reports for a process ended by SIGTERM."""


@app.command()
def run(
    project: Annotated[list[int], typer.Option(help="A Label Studio project to learn from; may be given again.")],
    run: Annotated[
        str, typer.Option(help="The run's id: one that is known goes on; without it, the run of these projects.")
    ] = "",
) -> None:
    """Train on the annotations of some projects, judge the result, publish it, and make it live if it is better."""
    settings = TrainingSettings()
    logs.configure(settings.log_json)
    runs = Runs(settings.folder)
    projects = tuple(sorted(set(project)))
    state = (runs.get(run) or Run(id=run, projects=projects)) if run else _by_hand(settings, projects)
    known = runs.get(state.id)
    if known and known.succeeded and known.outcome != "published":
        screen.print(f"Run {known.id} has done this already: {known.message}")
        _leave(settings, known)
        return
    _hold_lock(runs, state.id)
    fresh = state.model_copy(update={"outcome": None, "message": ""})
    sys.exit(_execute(settings, runs, fresh, bar=sys.stdout.isatty()))


@app.command()
def versions() -> None:
    """List the published versions."""
    settings = TrainingSettings()
    live = LiveFile(settings.folder).read().version
    table = Table("", "version", "published (UTC)", "tasks", "F1", "base F1", "verdict")
    for lineage in Registry(settings.folder).versions():
        table.add_row(
            "live" if lineage.version == live else "",
            lineage.version,
            f"{lineage.created:%Y-%m-%d %H:%M}",
            str(lineage.tasks["training"]),
            f"{lineage.scores['new'].f1:.3f}",
            f"{lineage.scores['base'].f1:.3f}",
            "better" if lineage.better else "held",
        )
    screen.print(table)
    if live == INITIAL:
        screen.print(f"Live: the initial model, {settings.model}")


@app.command()
def show(version: str) -> None:
    """Print all that is known of a version."""
    try:
        screen.print_json(Registry(TrainingSettings().folder).get(version).model_dump_json())
    except UnknownVersion as error:
        _refuse(str(error))


@app.command()
def promote(version: str) -> None:
    """Make a version live, whatever its verdict.

    A running backend swaps to it, and takes it back if it does not work.
    """
    settings = TrainingSettings()
    try:
        Registry(settings.folder).fetch(version)
    except UnknownVersion as error:
        _refuse(str(error))
    file = LiveFile(settings.folder)
    live = file.read().version
    if live == version:
        _refuse(f"{version} is live already.")
    try:
        file.swap(live, version, "Promoted by hand.")
    except Conflict as conflict:
        _refuse(str(conflict))
    screen.print(f"{version} is live.")


@app.command()
def rollback() -> None:
    """Make the version before the live one live again."""
    file = LiveFile(TrainingSettings().folder)
    live = file.read()
    if live.version == INITIAL:
        _refuse("The initial model is live; there is nothing before it.")
    file.undo(live.version, f"Rolled back by hand from {live.version}.")
    screen.print(f"{live.previous or 'The initial model'} is live again.")


def _by_hand(settings: TrainingSettings, projects: tuple[int, ...]) -> Run:
    try:
        standing = LabelStudio(settings).standing(projects)
    except LabelStudioError as error:
        _refuse(str(error))
    return Run(
        id=id_of(settings.model, standing.fingerprint),
        projects=projects,
        why="started by hand",
        fingerprint=standing.fingerprint,
        annotations=standing.annotations,
    )


def _hold_lock(runs: Runs, run_id: str) -> None:
    """Hold the lock of the active run until this process ends; a launcher has already taken and passed it on."""
    if "SPANLOOP_RUN_LOCK" in os.environ:
        return
    if runs.acquire(run_id) is None:
        _refuse(f"Run {runs.active()} is active; wait for it to end.")


def _execute(settings: TrainingSettings, runs: Runs, state: Run, bar: bool) -> int:
    """Run to the end and record how it ended. Returns the exit status."""
    from service.model import use_threads  # torch: only a run pays for it
    from training.progress import Reporter
    from training.run import TrainingRun
    from training.tune import Stopped

    use_threads(settings.compute_threads)
    reporter = Reporter(runs, state, bar)
    watched = watch.answering(settings.progress_port, lambda: reporter.run) if settings.progress_port else nullcontext()
    try:
        with watched:
            TrainingRun(settings, reporter, _shelf(settings)).execute()
    except Stopped as stopped:
        reporter.know(detail=str(stopped))
        return STOPPED
    except Exception as error:  # noqa: BLE001 - whatever it was, the page must show it
        traceback.print_exc()
        reporter.know(outcome="failed", message=f"{error}", detail="")
        for exported in runs.work(state.id).glob("project-*"):
            exported.unlink()  # a new try asks Label Studio anew: what was wrong may be mended there
    finally:
        reporter.close()
    _leave(settings, reporter.run)
    logging.getLogger(__name__).info("run %s: %s. %s", state.id, reporter.run.outcome, reporter.run.message)
    return 1 if reporter.run.outcome == "failed" else 0


def _shelf(settings: TrainingSettings) -> Shelf:
    if not settings.registry:
        return LocalShelf(settings.folder)
    from service.oci.bentos import Bentos
    from training.registry_shelf import RegistryShelf

    bentos = Bentos.connect(settings.registry, settings.registry_plain_http)
    return RegistryShelf(settings.folder, bentos, settings.backend_url)


def _leave(settings: TrainingSettings, run: Run) -> None:
    """Leave the outcome where the pod's watcher finds it."""
    if settings.termination_log:
        watch.leave(run, settings.termination_log)


def _refuse(message: str) -> NoReturn:
    Console(stderr=True).print(message)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
