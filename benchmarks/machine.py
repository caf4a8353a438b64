"""Spanloop on one machine in real processes, for programs that kill it, fill its disk and load it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from service.runs.files import Runs
from service.settings import ROOT
from service.versions.store import BentoStore
from tests.end_to_end.backend import Backend, until
from tests.support.servers import Server
from tests.support.studio import KEY, Studio, StudioProject, served
from tests.support.training_bench import CONFIG, TASKS, annotated

SERVE = (sys.executable, "-m", "service.web.serve", "service.main:Spanloop")
"""One process that serves."""
BENTOML = (str(Path(sys.executable).parent / "bentoml"), "serve", "service.main:Spanloop", "--working-dir", str(ROOT))
"""`bentoml serve`, which starts, watches and restarts the process that serves."""
QUICK = {
    "steps": 30,
    "batch_size": 8,
    "encoder_rate": 0.004,
    "head_rate": 0.004,
    "forgetting_limit": 1,
    "cross_validated_texts": 100,
    "curve": False,
    "retrain_quiet": 1,
    "patience": 5,
}
"""Settings by which a run of the tests' tiny model takes seconds."""
PROJECT = 1
START_SECONDS = 600.0
END_SECONDS = 1800.0


class Machine(Backend):
    """A backend whose home, temporary files and log lie apart in one folder, so that it shows what is left where."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        label_studio: str,
        program: Sequence[str] = SERVE,
        basic_auth: bool = False,
        **settings: object,
    ) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self._program = program
        super().__init__(folder / "home", label_studio, KEY, basic_auth, model=model, **{**QUICK, **settings})

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "TMPDIR": str(self.temporary), "HF_HUB_OFFLINE": "1"}

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")

    @property
    def process(self) -> int:
        """The id of the process that was started."""
        assert self._server, "the machine does not run"
        return self._server.process

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [*self._program, "--host", "127.0.0.1", "--port", str(self.port)]
        self._server = Server("Spanloop", command, self.environment, self.url, self.folder / "log.txt")
        try:
            self._server.wait(START_SECONDS, "/livez")
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """Kill the process that was started, as the kernel does where memory ends."""
        os.kill(self.process, signal.SIGKILL)
        assert self._server
        self._server.stop()
        self._server = None

    def click(self) -> str:
        """Start Training. Returns the run's id; empty if it is not known yet."""
        answer = self.http.post("/webhook", json={"action": "START_TRAINING", "project": {"id": PROJECT}})
        return answer.raise_for_status().json()["job"] or ""

    def end_of(self, run: str) -> tuple[str, str, float]:
        """How a run has ended: its outcome, and the digest and the F1 of its version."""
        outcome = self.ended(run, END_SECONDS)["outcome"]
        made = next((one for one in BentoStore(self.home).versions() if one.run == run), None)
        return (outcome, made.digest, round(made.scores["new"].f1, 6)) if made else (outcome, "", 0.0)

    def left(self) -> list[str]:
        """What lies around after all runs have ended and nothing needs it: temporary files, half models, a lock."""
        until(lambda: Runs(self.home).active() is None, "the end of the run's process")
        versions = {one.version for one in BentoStore(self.home).versions()}
        stores = [self.home / "bentoml" / "bentos" / "spanloop", self.home / "bentoml" / "models" / "spanloop-model"]
        half = [path for store in stores if store.exists() for path in store.iterdir() if path.name not in versions]
        kinds = ("**/*.partial", "runs/*/project-*", "runs/*/checkpoint.*", "bentoml/.publish", "bentoml/tmp/*")
        found = [path for kind in kinds for path in self.home.glob(kind)]
        found += [path for path in half if path.name != "latest"] + [*self.temporary.glob("spanloop-*")]
        return sorted(str(path.relative_to(self.folder)) for path in found)


@contextmanager
def running(folder: Path, model: Path, **settings: object) -> Iterator[Machine]:
    """A machine in a new folder, connected to a small Label Studio with one project of annotated tasks."""
    with served(studio()) as label_studio, at(folder, model, label_studio.url, **settings) as machine:
        label_studio.projects[PROJECT].models = [machine.url]
        yield machine


@contextmanager
def at(folder: Path, model: Path, label_studio: str, **settings: object) -> Iterator[Machine]:
    """A machine in a new folder, connected to a Label Studio. It is ended with all its runs."""
    machine = Machine(folder, model, label_studio, **settings)
    try:
        yield machine
    finally:
        machine.stop()


def studio(seed: int = 1) -> Studio:
    """A small Label Studio with one project, in which a run finds something to learn."""
    project = StudioProject(label_config=CONFIG, annotations=TASKS, export=annotated(TASKS, seed))
    return Studio(projects={PROJECT: project})
