"""What a backend is put together from, on one machine and on a cluster alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from service.prelabel.progress import Prelabelling
from service.runs.run import Run
from service.versions.history import History
from service.versions.lineage import Lineage


class Busy(RuntimeError):
    """Another run is active."""


class RunStore(Protocol):
    """The runs of a release, each with where it stands."""

    def all(self) -> list[Run]:
        """The newest first."""
        ...

    def get(self, run_id: str) -> Run | None: ...

    def active(self) -> str | None:
        """The id of the run that is at work or whose version is being rolled out; at most one is."""
        ...

    def died(self) -> list[Run]:
        """The runs that have no outcome and are at work no more, where nobody else resumes them."""
        ...

    def save(self, run: Run) -> None: ...

    def ask_again(self, run_id: str) -> None:
        """Remember that one more run is wanted when this one has ended."""
        ...

    def asked_again(self) -> list[str]:
        """The runs that one more was wanted after."""
        ...

    def answered(self, run_ids: Iterable[str]) -> None:
        """The run that was wanted after these has been started."""
        ...

    def prune(self) -> None:
        """Forget all but the newest runs."""
        ...


class Launcher(Protocol):
    """Starts runs."""

    def launch(self, run: Run) -> None:
        """Raises Busy while another run is active, OSError or RuntimeError where it cannot be started."""
        ...

    def reap(self) -> None:
        """See which runs have ended."""
        ...

    def conditions(self) -> str:
        """The settings that a run would have: other ones make another run of the same annotations."""
        ...

    def log_of(self, run_id: str) -> str:
        """Where a run's log is, in words."""
        ...


class Prelabeller(Protocol):
    """Starts pre-labellings, and knows how they stand."""

    @property
    def can_start(self) -> bool:
        """Whether the page has a button that starts one."""
        ...

    def all(self) -> list[Prelabelling]:
        """The one that changed last first."""
        ...

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        """Whether a process is at work on it."""
        ...

    def start(self, project: int, backend: str) -> None:
        """Start one, by the backend's address. Raises OSError or RuntimeError where it cannot be started."""
        ...


class Rollout(Protocol):
    """Brings the extractor to the live version."""

    @property
    def version(self) -> str:
        """The version that answers; before the first is there, the one that will."""
        ...

    @property
    def reference(self) -> str:
        """The live version as a run names it to be judged against; empty for the initial model."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether no rollout is under way."""
        ...

    @property
    def history(self) -> History:
        """What should answer, and how it came to be."""
        ...

    def tick(self) -> None:
        """Look how the rollout stands, and do the next step."""
        ...


class VersionStore(Protocol):
    """The published versions."""

    def versions(self) -> list[Lineage]:
        """The newest first."""
        ...
