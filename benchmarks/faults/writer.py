"""Changes a file of the state without a pause, each time to the next number.

    python -m benchmarks.faults.writer live HOME

It prints each number after it has written it, and goes on until it is killed.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from service.backend.local.projects import FileProjects
from service.runs.files import Runs
from service.runs.run import Run
from service.versions.history import LiveFile

STATES = {
    "live": "`live.json`, the history of the live version",
    "run": "a run's record",
    "projects": "`projects.json`, what is known of the projects",
}
RUN = "run-1"


def write(state: str, home: Path, number: int) -> None:
    """Change a file of the state to a number."""
    home.mkdir(parents=True, exist_ok=True)
    if state == "live":
        live = LiveFile(home)
        live.swap(live.read().live, f"version-{number}", "written")
    elif state == "run":
        Runs(home).save(Run(id=RUN, projects=(1,), annotations=number))
    else:
        projects = FileProjects(home)
        projects.configure(1, {"threshold": number / 1_000_000})
        projects.flush()


def number_in(state: str, home: Path) -> int:
    """The number that a file of the state holds; 0 if there is none."""
    if state == "live":
        return int(LiveFile(home).read().live.rpartition("-")[2] or 0)
    if state == "run":
        run = Runs(home).get(RUN)
        return run.annotations if run else 0
    project = FileProjects(home).get(1)
    return round((project.threshold or 0) * 1_000_000) if project else 0


if __name__ == "__main__":
    for count in itertools.count(number_in(sys.argv[1], Path(sys.argv[2])) + 1):
        write(sys.argv[1], Path(sys.argv[2]), count)
        sys.stdout.write(f"{count}\n")
        sys.stdout.flush()
