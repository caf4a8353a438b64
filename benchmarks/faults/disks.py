"""Disks that are full, or that let nobody write."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.faults.kind import Kind, Place, Tried, since
from benchmarks.load import TEXTS
from benchmarks.machine import PROJECT, Machine, running
from tests.end_to_end.backend import until
from tests.support.training_bench import CONFIG

SIZE_MB = 48
"""The size of the home. It holds the versions of the tiny model many times."""
PHASE_SECONDS = 900.0
"""Seconds in which a phase comes, and a run ends, on a machine that does much else."""
WITHIN = 60.0
"""Seconds in which all must go on once there is room again."""


Step = Callable[[Machine, "Disk"], Tried]


class Disk:
    """A file system in memory, as the home of a machine."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._filler = home / "filler"

    def fill(self) -> None:
        """Fill it to the last byte."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while filler.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def forbid_writing(self) -> None:
        _run("mount", "-o", "remount,bind,ro", str(self._home))


@contextmanager
def mounted(home: Path) -> Iterator[Disk]:
    """A small disk as the home, which is gone afterwards with all that is on it. Needs root."""
    home.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(home))
    try:
        yield Disk(home)
    finally:
        _run("umount", "--lazy", str(home))


def full(steps: Sequence[Step], place: Place) -> Iterator[Tried]:
    """Fill the disk where something is written, once after another on one machine."""
    for number in range(place.times):
        folder = place.folder / str(number)
        with mounted(folder / "home") as disk, running(folder, place.model) as machine:
            for step in steps:
                yield step(machine, disk)


def _setup(machine: Machine, disk: Disk) -> Tried:
    """/setup is answered on a full disk, and what it says is kept once there is room."""
    disk.fill()
    body = {"project": "1.1", "schema": CONFIG, "extra_params": '{"threshold": 0.4}'}
    answers = [machine.http.post("/setup", json=body).status_code, machine.http.get("/health").status_code]
    findings = [] if answers == [200, 200] else [f"/setup and /health answered {answers} on a full disk"]
    kept = machine.home / "projects.json"
    return _after(disk, findings, lambda: kept.exists() and '"threshold":0.4' in kept.read_text().replace(" ", ""))


def _start(machine: Machine, disk: Disk) -> Tried:
    """A click says that there is no room; the next one starts the run."""
    disk.fill()
    said = machine.http.post("/webhook", json={"action": "START_TRAINING", "project": {"id": PROJECT}}).json()
    findings = _unless("No space left" in said.get("message", ""), f"the refused click is answered with {said}")
    return _after(disk, findings, lambda: bool(machine.processes(machine.click())))


def _checkpoint(machine: Machine, disk: Disk) -> Tried:
    """A run whose checkpoint finds no room fails or dies; the next click lets it go on."""
    return _in_phase(machine, disk, "tune")


def _publication(machine: Machine, disk: Disk) -> Tried:
    """A run whose version finds no room publishes nothing; the next click publishes it."""
    tried = _in_phase(machine, disk, "judge")
    outcome = machine.end_of(machine.click())[0]
    return Tried(tried.seconds, [*tried.findings, *_unless(outcome == "promoted", f"the run ended {outcome}")])


def _live(machine: Machine, disk: Disk) -> Tried:
    """A rollback that finds no room changes nothing and says so; the next one is done."""
    until(lambda: machine.version.startswith("2"), "the new version", WITHIN)
    version = machine.version
    disk.fill()
    refused = machine.program("service", "rollback")
    findings = _unless(refused.returncode != 0, "a rollback on a full disk says that it was done")
    findings += _unless("Traceback" not in refused.stderr, f"it says {refused.stderr[-300:]}")
    findings += since(machine, version)
    disk.free()
    began = time.monotonic()
    machine.program("service", "rollback")
    until(lambda: machine.version != version, "the rollback", WITHIN)
    return Tried(time.monotonic() - began, [*findings, *_answers(machine), *machine.left()])


def _in_phase(machine: Machine, disk: Disk, phase: str) -> Tried:
    """Fill the disk while a run is in a phase, and free it when the run's process has ended."""
    job = machine.click()
    record = machine.home / "runs" / f"{job}.json"
    until(lambda: json.loads(record.read_text())["phase"] == phase, f"phase {phase}", PHASE_SECONDS)
    version = machine.version
    disk.fill()
    until(lambda: not machine.processes(job), "the end of the run's process", PHASE_SECONDS)
    findings = _answers(machine) + since(machine, version)
    return _after(disk, findings, lambda: machine.processes(machine.click()))


def _after(disk: Disk, findings: list[str], goes_on: Callable[[], object]) -> Tried:
    """Free the disk, and wait until all goes on."""
    disk.free()
    began = time.monotonic()
    until(goes_on, "what the full disk had stopped", WITHIN)
    return Tried(time.monotonic() - began, findings)


def read_only(place: Place) -> Iterator[Tried]:
    """Forbid all writing while the machine serves, then start it on a disk on which nobody may write."""
    for number in range(place.times):
        folder = place.folder / str(number)
        with mounted(folder / "home") as disk, running(folder, place.model) as machine:
            disk.forbid_writing()
            yield Tried(0.0, _reads(machine))
            machine.kill()
            began = time.monotonic()
            machine.start()
            yield Tried(time.monotonic() - began, _reads(machine))


def _reads(machine: Machine) -> list[str]:
    """What does not answer of all that only reads."""
    found = {path: machine.http.get(path).status_code for path in ("/", "/health", "/metrics", "/versions")}
    return [f"{path} answers {status}" for path, status in found.items() if status != 200] + _answers(machine)


def _answers(machine: Machine) -> list[str]:
    """Whether a prediction is answered."""
    body = {"tasks": [{"id": 1, "data": {"text": TEXTS[0]}}], "label_config": CONFIG}
    answer = machine.http.post("/predict", json=body)
    is_right = answer.is_success and answer.json()["results"][0].get("result")
    return _unless(is_right, f"/predict answers {answer.status_code} {answer.text[:200]}")


def _unless(is_well: object, finding: str) -> list[str]:
    return [] if is_well else [finding]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


KINDS = (
    Kind(
        "full-disk",
        "a full disk at `/setup` and at *Start Training*; then room again",
        "Predictions go on. The click says that there is no room; the next one starts the run.",
        partial(full, (_setup, _start)),
        3,
        needs_root=True,
    ),
    Kind(
        "full-disk-run",
        "a full disk at a run's checkpoint, at its publication and at a rollback; then room again",
        "Predictions go on. The run or the command says that there is no room; done again, it goes on.",
        partial(full, (_checkpoint, _publication, _live)),
        1,
        needs_root=True,
    ),
    Kind(
        "read-only",
        "a home in which nobody may write, while it serves and at a start",
        "Predictions, the page, `/health` and `/metrics` answer. No run starts.",
        read_only,
        1,
        needs_root=True,
    ),
)
