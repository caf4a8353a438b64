"""Training runs on one machine: one JSON file each, written by the run and read by whoever wants to know.

At most one run is active in a home directory. It holds a lock for as long as its process lives, so a run that has no
outcome and no lock has died, whatever its file says.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from service import RELEASE
from service.files import replace_text
from service.versions.lineage import Score
from service.versions.names import initial_version

PHASES = ("waiting", "export", "dataset", "replay", "tune", "judge", "publish", "rollout", "done")

Phase = Literal["waiting", "export", "dataset", "replay", "tune", "judge", "publish", "rollout", "done"]
Outcome = Literal["promoted", "held", "nothing new", "failed", "published"]
"""`published`: better, and not live yet: on a cluster the backend rolls it out, and says what became of it."""


ASIDE = (
    "SPANLOOP_LABEL_STUDIO_API_KEY",
    "SPANLOOP_BASIC_AUTH_PASSWORD",
    "SPANLOOP_MODEL",
    "SPANLOOP_RUN_LOCK",
)
LOG = "log.txt"
FOLLOW_UP = "follow-up"
KEPT = 20
"""So many runs are kept; what older ones left is deleted."""


def now() -> datetime:
    return datetime.now(UTC)


def id_of(model: str, fingerprint: str, conditions: str) -> str:
    """The id of the run that learns from annotations as they stand now: asked for twice, it is the same run.

    Another base model, release or other conditions (a run's settings) make another run.
    """
    digest = hashlib.sha256(f"{RELEASE}\n{initial_version(model)}\n{conditions}\n{fingerprint}".encode())
    return f"run-{digest.hexdigest()[:10]}"


def conditions() -> str:
    """The settings of a run in this environment (SPANLOOP_…, secrets aside)."""
    return str(sorted(item for item in os.environ.items() if item[0].startswith("SPANLOOP_") and item[0] not in ASIDE))


class Run(BaseModel):
    """Where a run stands, and how it ended."""

    id: str
    projects: tuple[int, ...]
    why: str = ""
    fingerprint: str = ""
    annotations: int = 0
    """How many annotations the projects held when the run was asked for."""
    attempt: int = 1
    phase: Phase = "waiting"
    percent: float = 0
    detail: str = ""
    waits: str = ""
    """Why nothing of it runs on the cluster just now; empty where something does, and where it has ended."""
    started: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)
    outcome: Outcome | None = None
    message: str = ""
    version: str = ""
    reference: str = ""
    """The version in its registry, by digest: `repository:VERSION@sha256:…`; empty on one machine."""
    champion: str = ""
    """What the version was judged against: a version, on a cluster its reference; empty for the initial model."""
    scores: dict[str, Score] = {}

    @property
    def ended(self) -> bool:
        return self.outcome is not None

    @property
    def succeeded(self) -> bool:
        return self.outcome in ("promoted", "held", "nothing new", "published")


class Runs:
    """The runs of a home directory."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "runs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self.folder / "active.lock"

    def work(self, run_id: str) -> Path:
        """The run's own directory: exported annotations, checkpoints, log."""
        folder = self.folder / run_id
        folder.mkdir(exist_ok=True)
        return folder

    def save(self, run: Run) -> None:
        replace_text(self.folder / f"{run.id}.json", run.model_dump_json(indent=1))

    def get(self, run_id: str) -> Run | None:
        path = self.folder / f"{run_id}.json"
        return Run.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None

    def all(self) -> list[Run]:
        """All readable runs, the newest first."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(Run.model_validate_json(path.read_text(encoding="utf-8")))
            except (ValidationError, FileNotFoundError, UnicodeDecodeError):
                continue
        return sorted(found, key=lambda run: run.started, reverse=True)

    def ask_again(self, run_id: str) -> None:
        """Remember that one more run is wanted when this one has ended."""
        (self.work(run_id) / FOLLOW_UP).touch()

    def asked_again(self) -> list[str]:
        """The runs that one more was wanted after."""
        return [path.parent.name for path in self.folder.glob(f"*/{FOLLOW_UP}")]

    def answered(self, run_ids: Iterable[str]) -> None:
        """The run that was wanted after these has been started."""
        for run_id in run_ids:
            (self.folder / run_id / FOLLOW_UP).unlink(missing_ok=True)

    def prune(self) -> None:
        """Forget all but the newest runs, with their exports, checkpoints and logs.

        Unfinished ones stay, and the last that succeeded: new annotations are counted from it.
        """
        runs = self.all()
        last_good = next((run.id for run in runs if run.succeeded), "")
        for run in runs[KEPT:]:
            if run.ended and run.id != last_good:
                shutil.rmtree(self.folder / run.id, ignore_errors=True)
                (self.folder / f"{run.id}.json").unlink(missing_ok=True)

    def acquire(self, run_id: str) -> int | None:
        """Take the lock of the active run: its file descriptor, or None while another run is active.

        The lock is on the open file: it lives as long as any process holds the descriptor, inherited ones included.
        """
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        with self._gate():
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return None
            os.ftruncate(handle, 0)
            os.pwrite(handle, run_id.encode(), 0)
        return handle

    def wait_for_lock(self, run_id: str) -> int:
        """Take the lock of the active run, waiting for whoever holds it: in a pod, the one that this one replaces."""
        while (handle := self.acquire(run_id)) is None:
            time.sleep(1)
        return handle

    def forget_work_of_others(self, run_id: str) -> None:
        """Delete what other runs have left: exports and checkpoints of runs that nobody will go on with."""
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name != run_id:
                shutil.rmtree(folder)

    def died(self) -> list[Run]:
        """The runs that have no outcome and no process any more."""
        runs = self.all()
        # Asked after the list was read: a run that starts in between is not in it, or is found active.
        active = self.active()
        return [run for run in runs if not run.ended and run.id != active]

    def active(self) -> str | None:
        """The id of the run whose process is alive; None where there is none."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with self._gate():
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return os.pread(handle, 200, 0).decode()
                fcntl.flock(handle, fcntl.LOCK_UN)
                return None
        finally:
            os.close(handle)

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Whoever takes the lock or looks at it comes one at a time: a look keeps no run from starting."""
        with (self.folder / "gate.lock").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
