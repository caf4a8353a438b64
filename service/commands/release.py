"""The release that the commands work on: that of this machine or, in a backend's pod, that of the cluster."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service.backend.cluster.errors import ClusterError
from service.backend.cluster.settings import ReleaseSettings
from service.backend.line import ChangeRefused, VersionLine
from service.backend.local.launcher import LocalLauncher
from service.backend.local.line import LocalLine
from service.backend.local.projects import FileProjects
from service.backend.projects import Projects
from service.backend.protocols import RunStore, Uncancellable
from service.files import is_of_a_disk
from service.prelabel.progress import Busy
from service.runs.files import Runs
from service.runs.run import Run
from service.settings import HomeSettings, PredictionSettings, SigningSettings
from service.versions.history import Conflict
from service.versions.keys import KeyUnusable
from service.versions.lineage import FormatError
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import RegistryError
from service.versions.signature import SignatureRefused
from service.versions.store import BentoStore, UnknownVersion

screen = Console(width=None if sys.stdout.isatty() else 200)
"""200 columns wide if the output is no terminal (a pipe, `kubectl exec`): names of versions must not be cut."""
beside = Console(stderr=True, width=screen.width)
"""What is told beside an output that programs may read."""

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document, and nothing else, on stdout.")]


class CommandLineSettings(ReleaseSettings, PredictionSettings, HomeSettings, SigningSettings):
    """What the commands read: on a cluster, what the backend's pod has."""


def known_projects() -> Projects:
    settings = CommandLineSettings()
    if not settings.extractor_deployment:
        return FileProjects(settings.folder)
    from service.backend.cluster.api import Cluster  # imports Kubernetes' client
    from service.backend.cluster.deployment import ExtractorDeployment
    from service.backend.cluster.projects import ClusterProjects

    return ClusterProjects(ExtractorDeployment(Cluster(settings)))


def runs_and_end() -> tuple[RunStore, Callable[[Run], None]]:
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


def line_of_versions() -> VersionLine:
    settings = CommandLineSettings()
    if not settings.registry:
        return LocalLine(settings.folder)
    from service.backend.cluster.line import ClusterLine  # imports Kubernetes' client

    return ClusterLine(settings)


@contextmanager
def holding(version: str) -> Iterator[BentoStore]:
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
        bentos(settings).pull(version, store)
        yield store


def bentos(settings: CommandLineSettings) -> Bentos:
    return Bentos.connect(settings.registry, settings.registry_plain_http)


@contextmanager
def refusing() -> Iterator[None]:
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
        told = f"The disk refused: {error}. What serves is untouched. Mend it, then give the command again."
        Console(stderr=True).print(told, markup=False)
        raise typer.Exit(1) from error
