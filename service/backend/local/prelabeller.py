"""Pre-labellings on one machine: processes that outlive the backend, each with a file in the home directory."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from service.backend.local.launcher import NICENESS, environment
from service.prelabel.progress import Prelabelling, Prelabellings
from service.settings import ROOT


class LocalPrelabeller:
    """Starts `python -m service prelabel`, and reads how those stand that anybody has started in this home."""

    def __init__(self, home: Path) -> None:
        self._kept = Prelabellings(home)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def all(self) -> list[Prelabelling]:
        return self._kept.all()

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        return self._kept.is_alive(prelabelling)

    def start(self, project: int, backend: str) -> None:
        """Start one of all tasks of a project, by the backend's address. Raises OSError where no process can be
        started. While one is at work, the new process ends by itself and changes nothing."""
        with self._kept.log(project).open("ab") as output:
            process = subprocess.Popen(
                ["nice", "-n", str(NICENESS), sys.executable, "-m", "service", "prelabel", "--project", str(project)],
                cwd=ROOT,
                env={**environment(), "SPANLOOP_BACKEND_URL": backend},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with self._lock:
            self._processes = [one for one in self._processes if one.poll() is None]
            self._processes.append(process)
