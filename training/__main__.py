"""Training runs and what else learns from annotations: `python -m training run | curve | problems`.

Pods and the backend call it. `spanloop train`, `curve` and `problems` are these commands for people.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from service import logs
from service.errors import Cause, cause_of
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.patience import Patience
from service.runs.curve import LearningCurve
from service.runs.files import Runs
from service.runs.run import Run, conditions, id_of
from service.versions.signature import signing
from service.versions.trust import Trust
from training import kernels, watch
from training.settings import TrainingSettings
from training.shelf import LocalShelf, Shelf

if TYPE_CHECKING:  # it loads torch
    from training.problems.report import Report

log = logging.getLogger("training")

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document, and nothing else, on stdout.")]

app = typer.Typer(no_args_is_help=True, add_completion=False)

EXIT_FAILED = 1
"""The run failed for a cause that may pass, for example while Label Studio or the registry is down."""
EXIT_HOPELESS = 3
"""The run failed, and another try would fail the same way."""

EXIT_STOPPED = 143
"""The exit status that a shell reports for a process ended by SIGTERM."""


@app.callback()
def main() -> None:
    """Training runs of Spanloop."""


@app.command()
def run(
    project: Annotated[list[int], typer.Option(help="A Label Studio project to learn from; may be repeated.")],
    run: Annotated[
        str, typer.Option(help="The id of a run to resume or create. By default it follows from the annotations.")
    ] = "",
    exclude_annotator: Annotated[
        list[str] | None,
        typer.Option(help="Leave out the annotations of this user, by id or e-mail address; may be repeated."),
    ] = None,
    exclude_task: Annotated[
        list[int] | None, typer.Option(help="Leave out the task of this id; may be repeated.")
    ] = None,
) -> None:
    """Train on the projects' annotations, judge the new version, publish it, and make it live if it is better."""
    settings = TrainingSettings().excluding(exclude_annotator or (), exclude_task or ())
    logs.configure(settings.log_json)
    runs = Runs(settings.folder)
    projects = tuple(sorted(set(project)))
    try:
        state = (runs.get(run) or Run(id=run, projects=projects)) if run else _by_hand(settings, projects)
    except LabelStudioError as error:
        sys.exit(_never_began(settings, projects, error))
    known = runs.get(state.id)
    if known and known.succeeded:
        Console().print(f"Run {known.id} has already learned from these annotations: {known.message}", markup=False)
        _leave(settings, known)
        return
    if settings.registry:
        runs.wait_for_lock(state.id)
        runs.forget_work_of_others(state.id)
    else:
        _hold_lock(runs, state.id)
    settings = settings.excluding(state.exclude_annotators, state.exclude_tasks)  # a restart is not told them again
    # A run in rollout that starts again judges its version again, because the live version may have changed.
    fresh = state.model_copy(update={"outcome": None, "message": "", "rollout": "", **_excluded(settings)})
    sys.exit(_execute(settings, runs, fresh, bar=sys.stdout.isatty()))


@app.command()
def curve(
    project: Annotated[list[int], typer.Option(help="A Label Studio project to learn from; may be repeated.")],
    as_json: AsJson = False,
) -> None:
    """Measure what more annotated tasks would bring, and make no version. A run of these annotations may know it."""
    settings = TrainingSettings()
    logs.configure(settings.log_json)
    runs = Runs(settings.folder)
    state = _by_person(settings, tuple(sorted(set(project))))
    known = runs.get(state.id)
    if known is None or known.curve is None or not known.curve.points:
        _hold_lock(runs, state.id)
        known = _measured(settings, state, bar=sys.stdout.isatty() and not as_json)
    if as_json:
        typer.echo((known.curve or LearningCurve(message=known.message)).model_dump_json())
        return
    for point in known.curve.points if known.curve else ():
        Console().print(f"{point.tasks:>8,} annotated tasks: F1 {point.f1:.3f}")
    Console().print(known.curve.message if known.curve else known.message, markup=False)


def _measured(settings: TrainingSettings, state: Run, bar: bool) -> Run:
    """Measure the curve of a run's annotations. Its files are apart from those of runs, and stay for another try."""
    kernels.keep_few()
    from service.model.computing import use_threads  # these imports load torch
    from training.progress import Reporter
    from training.run import TrainingRun
    from training.tune import Stopped

    use_threads(settings.compute_threads)
    runs = Runs(settings.folder / "curves")
    runs.forget_work_of_others(state.id)
    reporter = Reporter(runs, state, bar)
    try:
        reporter.record(curve=TrainingRun(settings, reporter, _shelf(settings)).curve())
    except RuntimeError as error:
        _refuse(str(error))
    except Stopped as stopped:
        Console(stderr=True).print(str(stopped), markup=False)
        raise typer.Exit(EXIT_STOPPED) from stopped
    finally:
        reporter.close()
        for exported in runs.work(state.id).glob("project-*"):
            exported.unlink()  # the users' texts; the next try exports again
    return reporter.run


@app.command()
def problems(
    project: Annotated[list[int], typer.Option(help="A Label Studio project to look through; may be repeated.")],
    as_json: AsJson = False,
) -> None:
    """Find annotations that may be wrong, and make no version. Nothing in Label Studio changes."""
    settings = TrainingSettings()
    logs.configure(settings.log_json)
    state = _by_person(settings, tuple(sorted(set(project))))
    _hold_lock(Runs(settings.folder), state.id)
    report = _searched(settings, state, bar=sys.stdout.isatty() and not as_json)
    if as_json:
        typer.echo(report.json())
    else:
        from training.problems.table import show

        show(report, Console())


def _searched(settings: TrainingSettings, state: Run, bar: bool) -> Report:
    """Search the annotations for problems. The files of the search are apart from those of runs."""
    kernels.keep_few()
    from service.model.computing import use_threads  # these imports load torch
    from training.problems.search import Search
    from training.progress import Reporter

    use_threads(settings.compute_threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the exports are deleted then, too
    runs = Runs(settings.folder / "problems")
    runs.forget_work_of_others(state.id)
    reporter = Reporter(runs, state, bar)
    try:
        return Search(settings, reporter).report()
    except RuntimeError as error:
        _refuse(str(error))
    finally:
        reporter.close()
        for exported in runs.work(state.id).glob("project-*"):
            exported.unlink()  # the users' texts; the next search exports again


def _by_person(settings: TrainingSettings, projects: tuple[int, ...]) -> Run:
    """The run of the present annotations, for a person who reads why there is none."""
    try:
        return _by_hand(settings, projects)
    except LabelStudioError as error:
        _refuse(str(error))


def _never_began(settings: TrainingSettings, projects: tuple[int, ...], error: LabelStudioError) -> int:
    """Leave the last words of a run that does not even know its id. Returns the exit status."""
    message = f"{error} Nothing was trained and the live version is untouched."
    run = Run(id="", projects=projects, outcome="failed", message=message)
    _leave(settings, run)
    _say(run)
    return EXIT_FAILED


def _by_hand(settings: TrainingSettings, projects: tuple[int, ...]) -> Run:
    """The run of the present annotations. Raises LabelStudioError, after the settings' patience if it is away."""
    patience = Patience(lambda why: None, seconds=settings.patience)
    state = LabelStudio(settings, patience=patience).annotation_state(projects)
    return Run(
        id=id_of(settings.model, state.fingerprint, conditions(settings.exclusion)),
        projects=projects,
        why="started by hand",
        fingerprint=state.fingerprint,
        annotations=state.annotations,
        annotations_of=state.annotations_of,
    )


def _excluded(settings: TrainingSettings) -> dict[str, Any]:
    """What a run keeps of what it was told to leave out."""
    return {"exclude_annotators": settings.excluded_annotators, "exclude_tasks": settings.excluded_tasks}


def _hold_lock(runs: Runs, run_id: str) -> None:
    """Hold the lock of the active run until this process ends, unless the launcher has passed the lock on."""
    if "SPANLOOP_RUN_LOCK" in os.environ:
        return
    if runs.acquire(run_id) is None:
        _refuse(f"Run {runs.active()} is active. Nothing was started. Wait for that run to end, then try again.")


def _execute(settings: TrainingSettings, runs: Runs, state: Run, bar: bool) -> int:
    """Execute the run and record its outcome. Returns the exit status."""
    kernels.keep_few()
    from service.model.computing import use_threads  # these imports load torch, so only a run makes them
    from training import leftovers
    from training.account import Unlearnable
    from training.progress import Reporter
    from training.registry_shelf import BackendSilent
    from training.run import TrainingRun
    from training.space import NoSpace
    from training.split import TooFew
    from training.tune import Diverged, Stopped

    hopeless = (TooFew, Unlearnable, Diverged)
    use_threads(settings.compute_threads)
    reporter, status, is_unwanted = Reporter(runs, state, bar), 0, threading.Event()
    port = settings.progress_port
    watched = watch.answering(port, lambda: reporter.run, is_unwanted.set) if port else nullcontext()
    try:
        with watched:
            leftovers.sweep(runs)
            TrainingRun(settings, reporter, _shelf(settings), is_unwanted.is_set).execute()
    except Stopped as stopped:
        if runs.is_cancelled(state.id):
            reporter.run = runs.end_cancelled(reporter.run)
        else:
            reporter.record(detail=str(stopped), seconds_left=None)
        status = EXIT_STOPPED
    except Exception as error:  # the page must show every error
        if cause_of(error) is Cause.INTERNAL and not isinstance(error, (*hopeless, NoSpace, BackendSilent)):
            log.error("the run met an error that it does not know", exc_info=error)
        for exported in runs.work(state.id).glob("project-*"):
            exported.unlink()  # the next try exports again, because the cause may be fixed in Label Studio by then
        reporter.fail(f"{error}")
        status = EXIT_HOPELESS if isinstance(error, hopeless) else EXIT_FAILED
    finally:
        reporter.close()
        _leave(settings, reporter.run)
    _say(reporter.run)
    return status


def _say(run: Run) -> None:
    """Log the last words of a run as one line, in the form that the settings choose."""
    level = logging.ERROR if run.outcome == "failed" else logging.INFO
    log.log(
        level, "run %s: %s. %s", run.id or "that did not begin", run.outcome or run.phase, run.message or run.detail
    )


def _shelf(settings: TrainingSettings) -> Shelf:
    if not settings.registry:
        if settings.backend_url:
            _refuse("The extractor pulls versions from a registry, and none is set. Set SPANLOOP_REGISTRY.")
        return LocalShelf(settings.folder, signing(settings.signing_key), Trust.of(settings).check_model)
    from service.versions.oci.bentos import Bentos
    from training.registry_shelf import RegistryShelf

    bentos = Bentos.connect(settings.registry, settings.registry_plain_http, settings.patience)
    return RegistryShelf(settings, bentos)


def _leave(settings: TrainingSettings, run: Run) -> None:
    """Write the run to the pod's termination message, if there is one."""
    if settings.termination_log:
        watch.leave(run, settings.termination_log)


def _refuse(message: str) -> NoReturn:
    Console(stderr=True).print(message, markup=False)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
