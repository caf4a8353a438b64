"""The runs of one machine: a JSON file for each, which the run and the backend write.

At most one run is active in a home directory. Its process holds a lock as long as it lives, so a run that has neither
an outcome nor the lock has died.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from uuid import uuid4

from pydantic import ValidationError

from service.files import replace_text
from service.runs.run import CANCELLED, Run, now

LOG_NAME = "log.txt"
FOLLOW_UP_NAME = "follow-up"
CANCELLED_NAME = "cancelled"
"""In a run's folder: somebody has cancelled the run, and it has not ended yet."""
GROUP_NAME = "process-group"
"""In a run's folder: the id of the group of processes that the backend started for the run."""
EXPORTS = "project-*"
"""In a run's folder: the exported annotations, with the users' texts."""
LEFT_OUT_NAME = "left-out.jsonl"
"""The annotated spans that a run does not learn, a JSON object each. It holds pieces of the users' texts."""
PRIVATE = 0o700
"""The mode of the runs' folders: they hold the users' texts."""
RUNS_KEPT = 20
"""Runs that are kept; the files of older ones are deleted."""


class Runs:
    """The runs of a home directory."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "runs"
        self.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        if S_IMODE(self.folder.stat().st_mode) & 0o777 != PRIVATE:  # an older release made it readable for all
            with suppress(PermissionError):  # another user has made it
                self.folder.chmod(PRIVATE)
        self._lock = self.folder / "active.lock"

    def work(self, run_id: str) -> Path:
        """The run's own directory: exported annotations, checkpoints, log."""
        folder = self.folder / run_id
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        return folder

    def left_out(self, run_id: str) -> Path | None:
        """The file with the annotated spans that a run does not learn; None if there is none."""
        path = self.folder / run_id / LEFT_OUT_NAME
        return path if path.exists() else None

    def save(self, run: Run) -> None:
        replace_text(self.folder / f"{run.id}.json", run.model_dump_json(indent=1))

    def get(self, run_id: str) -> Run | None:
        path = self.folder / f"{run_id}.json"
        return Run.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None

    def all(self) -> list[Run]:
        """All readable runs, the newest first."""
        runs = []
        for path in self.folder.glob("*.json"):
            try:
                runs.append(Run.model_validate_json(path.read_text(encoding="utf-8")))
            except (ValidationError, FileNotFoundError, UnicodeDecodeError):
                continue
        return sorted(runs, key=lambda run: run.started, reverse=True)

    def cancel(self, run_id: str) -> None:
        """Note that a run is to end. What ends it is the launcher's."""
        (self.work(run_id) / CANCELLED_NAME).touch()

    def is_cancelled(self, run_id: str) -> bool:
        """Whether somebody has cancelled a run that has not ended yet."""
        return (self.folder / run_id / CANCELLED_NAME).exists()

    def end_cancelled(self, run: Run) -> Run:
        """Record that a cancelled run has ended, and delete its exports. Returns it as it was recorded."""
        over = run.end("cancelled", CANCELLED).model_copy(update={"updated": now()})
        self.save(over)
        for needless in (CANCELLED_NAME, EXPORTS):
            for path in (self.folder / run.id).glob(needless):
                path.unlink(missing_ok=True)
        return over

    def ask_again(self, run_id: str) -> None:
        """Remember that another run is to start when this one has ended."""
        with self._gate():
            replace_text(self.work(run_id) / FOLLOW_UP_NAME, uuid4().hex)

    def asked_again(self) -> dict[str, str]:
        """The runs after which another run is to start, each with the token of the last request."""
        return {path.parent.name: path.read_text(encoding="utf-8") for path in self.folder.glob(f"*/{FOLLOW_UP_NAME}")}

    def answered(self, requests: Mapping[str, str]) -> None:
        """Forget these requests: the run that they asked for has started. A newer request of a run stays."""
        with self._gate():
            for run_id, _ in requests.items() & self.asked_again().items():
                (self.folder / run_id / FOLLOW_UP_NAME).unlink()

    def prune(self) -> None:
        """Delete all but the newest runs, with their exports, checkpoints and logs.

        Three kinds of older runs stay: unfinished ones, those after which another run is to start, and the last that
        succeeded, from which new annotations are counted.
        """
        runs = self.all()
        last_good = next((run.id for run in runs if run.succeeded), "")
        kept = {last_good, *self.asked_again()}
        for run in runs[RUNS_KEPT:]:
            if run.ended and run.id not in kept:
                shutil.rmtree(self.folder / run.id, ignore_errors=True)
                (self.folder / f"{run.id}.json").unlink(missing_ok=True)

    def acquire(self, run_id: str) -> int | None:
        """Take the lock of the active run. Returns its file descriptor, or None while another run is active.

        The lock belongs to the open file: it lasts as long as any process holds the descriptor, even an inherited one.
        Raises OSError, for example if the disk is full; the lock is free then.
        """
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with self._gate():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for of_before in (CANCELLED_NAME, GROUP_NAME):
                    (self.folder / run_id / of_before).unlink(missing_ok=True)
                os.ftruncate(handle, 0)
                os.pwrite(handle, run_id.encode(), 0)
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        return handle

    def wait_for_lock(self, run_id: str) -> int:
        """Take the lock of the active run once it is free. In a pod its holder is the pod that this one replaces."""
        while (handle := self.acquire(run_id)) is None:
            time.sleep(1)
        return handle

    def forget_work_of_others(self, run_id: str) -> None:
        """Delete the exports and checkpoints of all other runs: nobody will resume them."""
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name != run_id:
                shutil.rmtree(folder)

    def died(self) -> list[Run]:
        """The runs that have no outcome and whose process is gone."""
        runs = self.all()
        # Read after the list: a run that starts in between is not in the list, or is found active.
        active = self.active()
        return [run for run in runs if not run.ended and run.id != active]

    def active(self) -> str | None:
        """The id of the run whose process is alive; None if there is none."""
        try:
            handle = _opened(self._lock)
        except FileNotFoundError:
            return None
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
        """Let one process at a time take or test the lock: a test must not keep a run from starting."""
        gate = _opened(self.folder / "gate.lock")
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)


def _opened(path: Path) -> int:
    """Open the file of a lock. A lock can be tested, too, where nobody may write: the page and the metrics ask for it.

    Raises FileNotFoundError where nobody may write and the lock was never taken.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY)
