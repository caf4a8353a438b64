"""The interfaces of a backend's parts, which one machine and a cluster implement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from service.prelabel.progress import Prelabelling
from service.runs.run import Run
from service.versions.history import History
from service.versions.lineage import Lineage


class Busy(RuntimeError):
    """Another run is active."""


class Uncancellable(RuntimeError):
    """A run cannot be cancelled."""


class RunStore(Protocol):
    """The runs of a release with their states."""

    def all(self) -> list[Run]:
        """All kept runs, the newest first."""
        ...

    def get(self, run_id: str) -> Run | None: ...

    def active(self) -> str | None:
        """The id of the run that is at work or whose version is being rolled out; at most one is."""
        ...

    def died(self) -> list[Run]:
        """The runs that have no outcome, whose process is gone, and that the backend must resume."""
        ...

    def save(self, run: Run) -> None: ...

    def left_out(self, run_id: str) -> Path | None:
        """The file with the annotated spans that a run does not learn; None if there is none here."""
        ...

    def ask_again(self, run_id: str) -> None:
        """Remember that another run is to start when this one has ended."""
        ...

    def asked_again(self) -> Mapping[str, str]:
        """The runs after which another run is to start, each with the token of the last request."""
        ...

    def answered(self, requests: Mapping[str, str]) -> None:
        """Forget these requests: the run that they asked for has started. A newer request of a run stays."""
        ...

    def prune(self) -> None:
        """Delete all but the newest runs."""
        ...


class Launcher(Protocol):
    """Starts and cancels runs."""

    def launch(self, run: Run) -> None:
        """Start a run. Raises Busy while another is active, OSError or RuntimeError if it cannot be started."""
        ...

    def cancel(self, run: Run) -> None:
        """End a run, without a version that serves. One whose version is judged and published only ends the measuring
        of its learning curve.

        Raises Uncancellable, and RuntimeError or OSError if it cannot be told.
        """
        ...

    def reap(self) -> None:
        """Collect the processes of ended runs."""
        ...

    def conditions(self) -> str:
        """The settings of a run as text. With other settings the same annotations make another run."""
        ...

    def log_of(self, run_id: str) -> str:
        """Where a run's log is, in words."""
        ...


class Prelabeller(Protocol):
    """Starts pre-labellings, and knows how they stand."""

    def all(self) -> list[Prelabelling]:
        """The last of each project and shard, the one that changed last first."""
        ...

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        """Whether a process is at work on it, or will be."""
        ...

    def start(self, project: int, backend: str) -> None:
        """Start one, by the backend's address. Raises OSError or RuntimeError where it cannot be started."""
        ...


class Extractors(NamedTuple):
    """The pods of the extractor, as they were last seen."""

    ready: int
    """Number of those that answer; no more than are wanted."""
    wanted: int
    since: datetime
    """Since when this is so, as far as this backend knows."""


class Rollout(Protocol):
    """Brings the extractor to the live version."""

    @property
    def version(self) -> str:
        """The version that answers; before the first is loaded, the one that will."""
        ...

    @property
    def reference(self) -> str:
        """The live version as runs name the champion that they are judged against; empty for the initial model."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether no rollout is under way."""
        ...

    @property
    def extractors(self) -> Extractors | None:
        """The pods that should answer; None where the model is in the backend's own process."""
        ...

    @property
    def trouble(self) -> str:
        """Why the live version does not answer, if a person must mend that, as sentences; empty otherwise."""
        ...

    @property
    def history(self) -> History:
        """The changes of the live version, the last of which should answer."""
        ...

    def tick(self) -> None:
        """Check the rollout and do its next step."""
        ...


class VersionStore(Protocol):
    """The published versions."""

    def versions(self) -> list[Lineage]:
        """The published versions, the newest first."""
        ...

    def document(self, version: str, name: str) -> bytes:
        """A file that describes a version: its report or its verdict, by the file's name.

        Raises UnknownVersion for a version that is not there or has no such file.
        """
        ...
