"""The command line of a training run: `python -m training run`."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextlib import nullcontext
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from service import logs
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.runs.files import Runs
from service.runs.run import Run, conditions, id_of
from training import watch
from training.settings import TrainingSettings
from training.shelf import LocalShelf, Shelf

app = typer.Typer(no_args_is_help=True, add_completion=False)

EXIT_FAILED = 1
"""The run has failed; another try may not: Label Studio, the registry or the backend may have been away."""
EXIT_HOPELESS = 3
"""The run has failed, and another try would fail the same way."""

EXIT_STOPPED = 143
"""What a shell reports for a process ended by SIGTERM."""


@app.callback()
def main() -> None:
    """Training runs of Spanloop."""


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
    if known and known.succeeded:
        Console().print(f"Run {known.id} has done this already: {known.message}")
        _leave(settings, known)
        return
    if settings.registry:
        runs.wait_for_lock(state.id)
        runs.forget_work_of_others(state.id)
    else:
        _hold_lock(runs, state.id)
    # One in rollout that is started once more is judged again: the live version has changed.
    fresh = state.model_copy(update={"outcome": None, "message": "", "rollout": ""})
    sys.exit(_execute(settings, runs, fresh, bar=sys.stdout.isatty()))


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
    from training.run import TooFew, TrainingRun, Unlearnable
    from training.tune import Diverged, Stopped

    use_threads(settings.compute_threads)
    reporter, status = Reporter(runs, state, bar), 0
    watched = watch.answering(settings.progress_port, lambda: reporter.run) if settings.progress_port else nullcontext()
    try:
        with watched:
            TrainingRun(settings, reporter, _shelf(settings)).execute()
    except Stopped as stopped:
        reporter.know(detail=str(stopped))
        return EXIT_STOPPED
    except Exception as error:  # noqa: BLE001 - whatever it was, the page must show it
        traceback.print_exc()
        for exported in runs.work(state.id).glob("project-*"):
            exported.unlink()  # a new try asks Label Studio anew: what was wrong may be mended there
        reporter.fail(f"{error}")
        status = EXIT_HOPELESS if isinstance(error, (TooFew, Unlearnable, Diverged)) else EXIT_FAILED
    finally:
        reporter.close()
        _leave(settings, reporter.run)
    stands = reporter.run.outcome or reporter.run.phase
    logging.getLogger("training").info("run %s: %s. %s", state.id, stands, reporter.run.message)
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
