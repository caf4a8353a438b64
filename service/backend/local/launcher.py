"""Launches training runs as local processes; on a cluster they are Jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from service.backend.protocols import Busy, Uncancellable
from service.files import replace_text
from service.runs.files import GROUP_NAME, LOG_NAME, Runs
from service.runs.run import Run, conditions
from service.settings import ROOT

NICENESS = 10
"""The niceness of a run: serving has priority over training on the processors of one machine."""


class LocalLauncher:
    """Starts `python -m training run`. A run survives a restart of the backend."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def launch(self, run: Run) -> None:
        """Start a run. Raises Busy while another is active, OSError if no process can be started.

        The backend takes the run's lock and the process inherits it, so the run never seems dead in between. The
        process has a session of its own, so it outlives the backend as a Job does.
        """
        lock = self.runs.acquire(run.id)
        if lock is None:
            raise Busy(f"Run {self.runs.active()} is active.")
        try:
            self.runs.save(run)
            command = [sys.executable, "-m", "training", "run", "--run", run.id]
            for project in run.projects:
                command += ["--project", str(project)]
            with (self.runs.work(run.id) / LOG_NAME).open("ab") as output:
                process = subprocess.Popen(
                    ["nice", "-n", str(NICENESS), *command],
                    cwd=ROOT,
                    env={**environment(), "SPANLOOP_RUN_LOCK": str(lock)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[lock],
                )
            replace_text(self.runs.work(run.id) / GROUP_NAME, f"{process.pid}")
        finally:
            os.close(lock)
        with self._lock:
            self._processes.append(process)

    def cancel(self, run: Run) -> None:
        """End a run. Its processes get SIGTERM, by which it ends after its current step.

        A run that publishes its version ends before it makes that live, and one whose version is judged only ends the
        measuring of its curve: they hear that without a signal. Raises Uncancellable.
        """
        if run.ended:
            raise Uncancellable(f"Run {run.id} has ended already: {run.outcome}. Nothing was changed.")
        group = self.runs.work(run.id) / GROUP_NAME
        if self.runs.active() == run.id and not group.exists():
            raise Uncancellable(
                f"Run {run.id} was not started by this backend. Nothing was changed. End it where it runs, with Ctrl-C."
            )
        self.runs.cancel(run.id)
        if self.runs.active() == run.id and run.phase != "publish" and not run.is_judged:
            with suppress(ProcessLookupError):  # it has just ended
                os.killpg(int(group.read_text(encoding="utf-8")), signal.SIGTERM)

    def conditions(self) -> str:
        return conditions()

    def log_of(self, run_id: str) -> str:
        return str(self.runs.work(run_id) / LOG_NAME)

    def reap(self) -> None:
        """Collect ended processes, and end the cancelled runs that were killed before they could say so."""
        with self._lock:
            self._processes = [process for process in self._processes if process.poll() is None]
        for run in self.runs.died():
            if self.runs.is_cancelled(run.id):
                self.runs.end_cancelled(run)


def environment() -> dict[str, str]:
    """This process's environment without the directory of its metrics: a run must not add to the backend's counters."""
    return {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
