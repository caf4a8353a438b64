"""A pre-labelling against Retrieve Predictions, in a real Label Studio with SQLite and a backend with the starter.

python -m benchmarks.prelabel --retrieved 600 --tasks 20000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.exports import PROGRAM, fill
from service.settings import ROOT, STARTER
from tests.end_to_end.backend import Backend
from tests.support import label_studio
from tests.support.servers import free_port


def task(number: int) -> dict[str, object]:
    return {"data": {"text": f"Alice met Bob in Paris at Acme, note {number}. the river today"}}


def measure(url: str, backend: Backend, retrieved: int, tasks: int) -> None:
    """Print how long the two ways take for as many tasks, and the pre-labelling for many more."""
    studio = label_studio.Client(url)
    project = fill(url, retrieved, task)
    studio.connect_model(project, backend.url)
    began = time.monotonic()
    studio.retrieve_predictions(project)
    _tell("Retrieve Predictions", retrieved, time.monotonic() - began)
    for count in (retrieved, tasks):
        project = fill(url, count, task)
        studio.connect_model(project, backend.url)
        command = [sys.executable, "-m", "service", "prelabel", "--project", str(project)]
        environment = {**os.environ, **backend.environment, "SPANLOOP_BACKEND_URL": backend.url}
        for what in ("pre-labelling", "pre-labelling again, with nothing to do but to look for doubles"):
            began = time.monotonic()
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            _tell(what, count, time.monotonic() - began)


def _tell(what: str, tasks: int, seconds: float) -> None:
    print(f"{what}: {tasks} tasks in {seconds:.1f} s, {tasks / seconds:.1f} a second", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retrieved", type=int, default=600)
    parser.add_argument("--tasks", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = label_studio.start(PROGRAM, Path(folder) / "label-studio", free_port(0))
        try:
            server.wait(600)
            home = Path(folder) / "spanloop"
            home.mkdir()
            backend = Backend(home, server.url, label_studio.TOKEN, model=STARTER, set_model_version=False)
            try:
                measure(server.url, backend, given.retrieved, given.tasks)
            finally:
                backend.stop()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
