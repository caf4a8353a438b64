"""The commands on a release: versions, projects, runs and pre-labellings. `spanloop` offers them to people.

On a cluster they run in the backend's pod, which has the rights that they need. Pods call `python -m service prelabel`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service import listings, logs
from service.backend.cluster.errors import ClusterError
from service.backend.cluster.settings import ReleaseSettings
from service.backend.line import BY_HAND, ChangeRefused, VersionLine, forced, not_against_verdict
from service.backend.local.launcher import LocalLauncher
from service.backend.local.line import LocalLine
from service.backend.local.projects import FileProjects
from service.backend.projects import Projects
from service.backend.protocols import RunStore, Uncancellable
from service.files import is_of_a_disk
from service.prelabel.program import Program
from service.prelabel.progress import Busy
from service.prelabel.settings import PrelabelSettings
from service.prelabel.watch import watched
from service.runs.files import Runs
from service.runs.run import Run
from service.settings import HomeSettings, PredictionSettings, SigningSettings
from service.versions.history import INITIAL, Conflict
from service.versions.keys import KeyUnusable
from service.versions.lineage import FormatError
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import RegistryError
from service.versions.sbom import FILE as SBOM
from service.versions.signature import SignatureRefused, signing
from service.versions.store import BentoStore, UnknownVersion
from service.versions.trust import Trust


class CommandLineSettings(ReleaseSettings, PredictionSettings, HomeSettings, SigningSettings):
    """What the commands read: on a cluster, what the backend's pod has."""


app = typer.Typer(help="The versions and projects of Spanloop.", no_args_is_help=True, add_completion=False)
projects = typer.Typer(invoke_without_command=True)
app.add_typer(projects, name="projects")
screen = Console(width=None if sys.stdout.isatty() else 200)
"""200 columns wide if the output is no terminal (a pipe, `kubectl exec`): names of versions must not be cut."""


beside = Console(stderr=True, width=screen.width)
"""What is told beside an output that programs may read."""

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document, and nothing else, on stdout.")]


@app.command()
def versions(as_json: AsJson = False) -> None:
    """List the published versions."""
    with _refusing():
        line, initial = _line(), CommandLineSettings().model
        live, published = line.live(), line.versions()
    if as_json:
        typer.echo(json.dumps(listings.versions_document(published, live, initial)))
        return
    screen.print(listings.versions(published, live))
    if live == INITIAL:
        screen.print(f"Live: the initial model, {initial}")


@app.command()
def show(
    version: str,
    as_json: Annotated[bool, typer.Option("--json", help="Leave out the words and the table on stderr.")] = False,
) -> None:
    """Print what is known of a version, as JSON.

    Beside it, on stderr, words say how far its weights moved, and a table has its calibration and thresholds.
    """
    with _refusing():
        lineage = _line().get(version)
    typer.echo(lineage.model_dump_json(indent=2))
    if lineage.blend and not as_json:
        beside.print(lineage.blend.told(), highlight=False, markup=False)
    if lineage.calibrated and not as_json:
        beside.print(listings.calibration(lineage.calibrated))


@app.command()
def promote(
    version: str,
    force: Annotated[bool, typer.Option("--force", help="Also if its verdict is HOLD or REJECT.")] = False,
) -> None:
    """Make a version live.

    A running backend rolls it out, and takes it back if it does not work.
    """
    with _refusing():
        line = _line()
        lineage = line.get(version)
        if not force:
            not_against_verdict(lineage)
        line.promote(version, BY_HAND if lineage.better else forced(lineage))
    screen.print(f"{version} is live.")


@app.command()
def rollback() -> None:
    """Make the version before the live one live again."""
    with _refusing():
        previous = _line().rollback()
    screen.print(f"{previous or 'The initial model'} is live again.")


@app.command()
def cancel(
    run: Annotated[str, typer.Argument(help="The id of the run; without it the one that is at work.")] = "",
) -> None:
    """End a training run. The live version is untouched."""
    with _refusing():
        runs, end = _runs()
        known = runs.get(run or runs.active() or "")
        if known is None:
            raise ChangeRefused(f"There is no run {run}." if run else "No run is at work. Nothing was changed.")
        end(known)
    screen.print(f"Run {known.id} was asked to end. The status page says when it has.")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest versions to keep.")] = 10,
) -> None:
    """Delete old versions. The live one and the one that a rollback would make live stay."""
    with _refusing():
        deleted = _line().prune(keep)
    screen.print(f"{len(deleted)} versions deleted{': ' if deleted else ''}{', '.join(deleted)}")


@app.command()
def verify(version: str, as_json: AsJson = False) -> None:
    """Check that a version is as the holder of a trusted key has signed it.

    Its model and the code of its Bento are checked. Nothing of it is loaded, and nothing changes. The exit status is 0
    only if it is to be trusted.
    """
    trust, why = Trust("require", CommandLineSettings().trusted_keys), ""
    with _refusing(), _holding(version) as store:
        try:
            trust.check_model(store.fetch(version))
            trust.check_bento(store.bento(version))
        except SignatureRefused as refused:
            why = str(refused)
    if as_json:
        typer.echo(json.dumps({"version": version, "trusted": not why, "why": why}))
    else:
        (beside if why else screen).print(
            why or f"{version} is as the holder of a trusted key has signed it.", markup=False
        )
    raise typer.Exit(1 if why else 0)


@app.command()
def sbom(version: str) -> None:
    """Print what a version was made with: a software bill of materials, CycloneDX in JSON."""
    settings = CommandLineSettings()
    with _refusing():
        versions = _bentos(settings) if settings.registry else BentoStore(settings.folder)
        document = versions.document(version, SBOM)
    typer.echo(document.decode())


@app.command()
def sign(version: str) -> None:
    """Sign a version that was published without a signature, with the private key in SPANLOOP_SIGNING_KEY.

    Sign only what you trust. In a registry the tag then names the signed version; what was there keeps its digest.
    """
    settings = CommandLineSettings()
    with _refusing(), _holding(version) as store:
        if settings.signing_key is None:
            raise ChangeRefused("No private key is set. Nothing was signed. Set SPANLOOP_SIGNING_KEY to its file.")
        store.sign(version, signing(settings.signing_key))
        if settings.registry:
            _bentos(settings).replace(store, version)
    screen.print(f"{version} is signed.")


RegistryOption = Annotated[str, typer.Option("--registry", help="The registry's repository, `host[:port]/repository`.")]
PlainHttp = Annotated[bool, typer.Option("--plain-http", help="Reach the registry without TLS.")]


@app.command()
def push(version: str, registry: RegistryOption, plain_http: PlainHttp = False) -> None:
    """Copy a version of this machine into a registry, for another machine or a cluster.

    The registry gets what it does not have yet. It refuses another version of the same name.
    """
    with _refusing():
        digest = Bentos.connect(registry, plain_http).push(BentoStore(CommandLineSettings().folder), version)
    screen.print(f"{registry} has {version} as {digest}.")


@app.command()
def pull(version: str, registry: RegistryOption, plain_http: PlainHttp = False) -> None:
    """Copy a version from a registry to this machine. `promote` makes it live there.

    With SPANLOOP_VERIFY it is checked before it is loaded, as any other is.
    """
    with _refusing():
        Bentos.connect(registry, plain_http).pull(version, BentoStore(CommandLineSettings().folder))
    screen.print(f"{version} is on this machine.")


@app.command()
def prelabel(
    project: Annotated[int, typer.Option(help="The Label Studio project.")],
    view: Annotated[
        int | None, typer.Option(help="Only the tasks of this Data Manager view, `tab=` in the browser.")
    ] = None,
    shard: Annotated[int, typer.Option(min=0, envvar="JOB_COMPLETION_INDEX", help="Which of the shards to do.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="Among how many processes the tasks are divided.")] = 1,
) -> None:
    """Write a prediction of the live version for every task of a project that has none.

    It may be killed and started again at any time. Exit status: 0 all tasks are done, 1 it failed and can be tried
    again, 4 another version became live meanwhile, 143 it was asked to end.
    """
    settings = PrelabelSettings()
    logs.configure(settings.log_json)
    if shard >= shards:
        Console(stderr=True).print(f"There is no shard {shard} of {shards}: they are counted from 0.")
        raise typer.Exit(2)
    with _refusing():
        program = Program(settings, project, view, shard, shards)
        with watched(settings, lambda: program.stands):
            status = program.run()
    raise typer.Exit(status)


@projects.callback()
def list_projects(context: typer.Context, as_json: AsJson = False) -> None:
    """List the known projects, leave one out of runs, take it in again, or forget it."""
    if context.invoked_subcommand:
        return
    with _refusing():
        known, threshold = _projects().all, CommandLineSettings().threshold
    if as_json:
        typer.echo(json.dumps(listings.projects_document(known, threshold)))
    else:
        screen.print(listings.projects(known, threshold))


@projects.command()
def forget(project: int) -> None:
    """Exclude a project from runs until Label Studio calls for it again."""
    with _known(project) as kept:
        kept.forget(project, "forgotten by hand")
    screen.print(
        f"Project {project} is forgotten. It comes back when Label Studio calls for it: disconnect the model there."
    )


@projects.command()
def leave_out(project: int) -> None:
    """Let no run learn from a project until `take-in`. Its tasks are pre-annotated as before."""
    with _known(project) as kept:
        kept.leave_out(project)
    screen.print(f"The next runs do not learn from project {project}. What the live version has learnt stays.")


@projects.command()
def take_in(project: int) -> None:
    """Let runs learn from a project again."""
    with _known(project) as kept:
        kept.take_in(project)
    screen.print(f"The next runs learn from project {project}.")


@contextmanager
def _known(project: int) -> Iterator[Projects]:
    """The projects, if this one is known; what is changed in them is written at the end."""
    with _refusing():
        kept = _projects()
        if kept.get(project) is None:
            raise ChangeRefused(f"There is no project {project}. `spanloop projects` lists the known ones.")
        yield kept
        kept.flush()


def _projects() -> Projects:
    settings = CommandLineSettings()
    if not settings.extractor_deployment:
        return FileProjects(settings.folder)
    from service.backend.cluster.api import Cluster  # imports Kubernetes' client
    from service.backend.cluster.deployment import ExtractorDeployment
    from service.backend.cluster.projects import ClusterProjects

    return ClusterProjects(ExtractorDeployment(Cluster(settings)))


def _runs() -> tuple[RunStore, Callable[[Run], None]]:
    """The runs, and what cancels one."""
    settings = CommandLineSettings()
    if not settings.extractor_deployment:
        kept = Runs(settings.folder)
        return kept, LocalLauncher(kept).cancel
    from service.backend.cluster.api import Cluster  # imports Kubernetes' client
    from service.backend.cluster.deployment import ExtractorDeployment
    from service.backend.cluster.events import Events
    from service.backend.cluster.refusals import Refusals
    from service.backend.cluster.runs import JobRuns

    cluster = Cluster(settings)
    events = Events(cluster, identity="spanloop")
    jobs = JobRuns(cluster, keep=0, refusals=Refusals(ExtractorDeployment(cluster), events), events=events)
    jobs.refresh()
    return jobs, lambda run: jobs.cancel(run.id)


def _line() -> VersionLine:
    settings = CommandLineSettings()
    if not settings.registry:
        return LocalLine(settings.folder)
    from service.backend.cluster.line import ClusterLine  # imports Kubernetes' client

    return ClusterLine(settings)


@contextmanager
def _holding(version: str) -> Iterator[BentoStore]:
    """A store with a version: the one of this machine, or one that is deleted afterwards with a copy from the registry.

    Raises UnknownVersion and RegistryError.
    """
    settings = CommandLineSettings()
    if not settings.registry:
        store = BentoStore(settings.folder)
        store.fetch(version)
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="spanloop-version-") as home:
        store = BentoStore(Path(home))
        _bentos(settings).pull(version, store)
        yield store


def _bentos(settings: CommandLineSettings) -> Bentos:
    return Bentos.connect(settings.registry, settings.registry_plain_http)


@contextmanager
def _refusing() -> Iterator[None]:
    """Print in one line why something was not done, and exit with status 1."""
    try:
        yield
    except (
        UnknownVersion,
        Conflict,
        ChangeRefused,
        Uncancellable,
        RegistryError,
        ClusterError,
        FormatError,
        SignatureRefused,
        KeyUnusable,
        Busy,
        ValueError,
    ) as error:
        Console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(1) from error
    except OSError as error:
        if not is_of_a_disk(error):
            raise
        told = f"A disk took nothing: {error}. What serves is untouched. Mend it, then give the command again."
        Console(stderr=True).print(told, markup=False)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
