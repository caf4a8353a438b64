"""The command line: `python -m training run | versions | show | promote | rollback | prune`."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from service import logs
from service.backend.cluster.errors import ClusterError
from service.backend.local.line import LocalRelease, Refused, Release
from service.labelstudio.client import LabelStudio, LabelStudioError
from service.runs.run import Run, Runs, conditions, id_of
from service.versions.history import INITIAL, Conflict
from service.versions.oci.errors import RegistryError
from service.versions.store import UnknownVersion
from training import watch
from training.settings import TrainingSettings
from training.shelf import LocalShelf, Shelf

app = typer.Typer(help="Training runs and versions of Spanloop.", no_args_is_help=True, add_completion=False)
screen = Console(width=None if sys.stdout.isatty() else 200)
"""Wide where nobody says how wide (a pipe, `kubectl exec`): a version's name that is cut is of no use."""

FAILED = 1
"""The run has failed; another try may not: Label Studio, the registry or the backend may have been away."""
HOPELESS = 3
"""The run has failed, and another try would fail the same way."""

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
    if settings.registry:
        runs.wait_for_lock(state.id)
        runs.forget_work_of_others(state.id)
    else:
        _hold_lock(runs, state.id)
    fresh = state.model_copy(update={"outcome": None, "message": ""})
    sys.exit(_execute(settings, runs, fresh, bar=sys.stdout.isatty()))


@app.command()
def versions() -> None:
    """List the published versions."""
    settings = TrainingSettings()
    release = _release(settings)
    with _refusing():
        live, found = release.live(), release.versions()
    table = Table("", "version", "published (UTC)", "tasks", "F1", "base F1", "verdict")
    for lineage in found:
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
    with _refusing():
        screen.print_json(_release(TrainingSettings()).get(version).model_dump_json())


@app.command()
def promote(version: str) -> None:
    """Make a version live, whatever its verdict.

    A running backend rolls it out, and takes it back if it does not work.
    """
    with _refusing():
        _release(TrainingSettings()).promote(version)
    screen.print(f"{version} is live.")


@app.command()
def rollback() -> None:
    """Make the version before the live one live again."""
    with _refusing():
        previous = _release(TrainingSettings()).rollback()
    screen.print(f"{previous or 'The initial model'} is live again.")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest versions to keep.")] = 10,
) -> None:
    """Delete old versions. The live one stays, and the one that a rollback would bring back."""
    with _refusing():
        deleted = _release(TrainingSettings()).prune(keep)
    screen.print(f"{len(deleted)} versions deleted{': ' if deleted else ''}{', '.join(deleted)}")


def _release(settings: TrainingSettings) -> Release:
    if not settings.registry:
        return LocalRelease(settings.folder)
    from service.backend.cluster.line import ClusterRelease

    return ClusterRelease(settings)


@contextmanager
def _refusing() -> Iterator[None]:
    """Say in one line why something was not done, and end with status 1."""
    try:
        yield
    except (UnknownVersion, Conflict, Refused, RegistryError, ClusterError) as error:
        _refuse(str(error))


def _by_hand(settings: TrainingSettings, projects: tuple[int, ...]) -> Run:
    try:
        standing = LabelStudio(settings).standing(projects)
    except LabelStudioError as error:
        _refuse(str(error))
    return Run(
        id=id_of(settings.model, standing.fingerprint, conditions()),
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
    from service.model.model import use_threads  # torch: only a run pays for it
    from training.progress import Reporter
    from training.run import TooFew, TrainingRun
    from training.tune import Diverged, Stopped

    use_threads(settings.compute_threads)
    reporter, status = Reporter(runs, state, bar), 0
    watched = watch.answering(settings.progress_port, lambda: reporter.run) if settings.progress_port else nullcontext()
    try:
        with watched:
            TrainingRun(settings, reporter, _shelf(settings)).execute()
    except Stopped as stopped:
        reporter.know(detail=str(stopped))
        return STOPPED
    except Exception as error:  # noqa: BLE001 - whatever it was, the page must show it
        traceback.print_exc()
        for exported in runs.work(state.id).glob("project-*"):
            exported.unlink()  # a new try asks Label Studio anew: what was wrong may be mended there
        reporter.fail(f"{error}")
        status = HOPELESS if isinstance(error, (TooFew, Diverged)) else FAILED
    finally:
        reporter.close()
        _leave(settings, reporter.run)
    logging.getLogger("training").info("run %s: %s. %s", state.id, reporter.run.outcome, reporter.run.message)
    return status


def _shelf(settings: TrainingSettings) -> Shelf:
    if not settings.registry:
        if settings.backend_url:
            _refuse("No registry is set, so a version could not reach the extractor: set SPANLOOP_REGISTRY.")
        return LocalShelf(settings.folder)
    from service.versions.oci.bentos import Bentos
    from training.registry_shelf import RegistryShelf

    bentos = Bentos.connect(settings.registry, settings.registry_plain_http)
    return RegistryShelf(settings, bentos)


def _leave(settings: TrainingSettings, run: Run) -> None:
    """Leave the outcome where the pod's watcher finds it."""
    if settings.termination_log:
        watch.leave(run, settings.termination_log)


def _refuse(message: str) -> NoReturn:
    Console(stderr=True).print(message)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
