"""Programs that are killed: the one that serves, a run, and both at once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.faults.kind import Kind, Place, Tried, since
from benchmarks.load import Load
from benchmarks.machine import BENTOML, SERVE, Machine, running
from benchmarks.processes import tree
from tests.end_to_end.backend import until

ANSWERS = 10
"""Right answers before a fault, and after it until all goes on again."""
MOMENT_SECONDS = 2.0
"""A program is killed at a moment of so many seconds."""
LATER_SECONDS = 0.5
"""A run is killed so long after it has come into a phase, at most."""
PHASE_SECONDS = 900.0
"""Seconds in which a phase comes on a machine that does much else."""
PHASES = ("waiting", "export", "dataset", "replay", "tune", "judge", "publish")
ATTEMPTS = 1000
"""Attempts of a run: it must not be given up because it is killed so often."""


def serving(place: Place) -> Iterator[Tried]:
    """Kill the process that serves, and start it again."""

    def fault(machine: Machine) -> list[str]:
        machine.kill()
        machine.start()
        return []

    yield from _under_load(place, SERVE, fault)


def worker(place: Place) -> Iterator[Tried]:
    """Kill the process that serves under `bentoml serve`, which starts another."""

    def fault(machine: Machine) -> list[str]:
        os.kill(_worker(machine), signal.SIGKILL)
        return []

    yield from _under_load(place, BENTOML, fault)


def bentoml(place: Place) -> Iterator[Tried]:
    """Kill `bentoml serve` itself, and start it again as soon as the port is free."""

    def fault(machine: Machine) -> list[str]:
        served = _worker(machine)
        machine.kill()
        findings = _ended(served)
        machine.start()
        return findings

    yield from _under_load(place, BENTOML, fault)


def _under_load(place: Place, program: Sequence[str], fault: Callable[[Machine], list[str]]) -> Iterator[Tried]:
    """Do this to a machine at a random moment, while clients ask it. `fault` returns what was not well."""
    with running(place.folder, place.model, program=program) as machine:
        for _ in range(place.times):
            with Load(machine.url) as load:
                load.wait(ANSWERS)
                version = machine.version
                time.sleep(place.rng.uniform(0, MOMENT_SECONDS))
                began = time.monotonic()
                findings = fault(machine)
                load.wait(ANSWERS)
                seconds = time.monotonic() - began
            yield Tried(seconds, [*findings, *load.findings, *since(machine, version), *machine.left()])


def run(place: Place) -> Iterator[Tried]:
    """Kill one run in each phase, as often as is asked, and compare its end with that of one that nobody disturbed."""
    wanted = _undisturbed(place)
    with running(place.folder / "killed", place.model, run_attempts=ATTEMPTS) as machine:
        job = machine.click()
        seconds = []
        for phase in PHASES * place.times:
            _kill_in(machine, job, phase, place.rng.uniform(0, LATER_SECONDS))
            seconds.append(_resumed(machine, job))
        findings = _differs(machine.end_of(job), wanted) + machine.left()
        yield from (Tried(one, findings) for one in seconds)


def both(place: Place) -> Iterator[Tried]:
    """Kill the process that serves and the run at once, at a moment of the run, and start the first again."""
    wanted = _undisturbed(place)
    with running(place.folder / "killed", place.model, run_attempts=ATTEMPTS) as machine:
        job = machine.click()
        seconds = []
        for _ in range(place.times):
            _kill_in(machine, job, place.rng.choice(PHASES), place.rng.uniform(0, LATER_SECONDS))
            machine.kill()
            began = time.monotonic()
            machine.start()
            _resumed(machine, job)
            seconds.append(time.monotonic() - began)
        findings = _differs(machine.end_of(job), wanted) + machine.left()
        yield from (Tried(one, findings) for one in seconds)


def _undisturbed(place: Place) -> tuple[str, str, float]:
    with running(place.folder / "undisturbed", place.model, run_attempts=ATTEMPTS) as machine:
        return machine.end_of(machine.click())


def _worker(machine: Machine) -> int:
    """The process that serves under `bentoml serve`."""
    _, *children = tree(machine.process)
    return next(one for one in children if b"worker.service" in Path(f"/proc/{one}/cmdline").read_bytes())


def _ended(process: int) -> list[str]:
    """End a process that has not ended by itself, and say so."""
    try:
        until(lambda: not Path(f"/proc/{process}").exists(), "the end of the process that served", 20)
    except AssertionError:
        os.kill(process, signal.SIGKILL)
        return ["the process that served goes on without bentoml serve, and holds the port"]
    return []


def _kill_in(machine: Machine, job: str, phase: str, later: float) -> None:
    """Kill a run's process, `later` seconds after it has come into a phase."""
    record = machine.home / "runs" / f"{job}.json"

    def is_there() -> bool:
        now = json.loads(record.read_text(encoding="utf-8"))
        assert not now["outcome"], f"the run ended before it was caught in phase {phase}: {now['message']}"
        return bool(now["phase"] == phase and machine.processes(job))

    deadline = time.monotonic() + PHASE_SECONDS
    while not is_there():
        assert time.monotonic() < deadline, f"phase {phase} did not come"
        time.sleep(0.01)
    time.sleep(later)
    for process in machine.processes(job):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _resumed(machine: Machine, job: str) -> float:
    """Seconds until a run that was killed has a process again, or has ended."""
    began = time.monotonic()
    until(lambda: machine.processes(job) or machine.job(job).get("outcome"), "the resumption of the run", PHASE_SECONDS)
    return time.monotonic() - began


def _differs(found: tuple[str, str, float], wanted: tuple[str, str, float]) -> list[str]:
    return [] if found == wanted else [f"the run ended as {found} instead of {wanted}"]


KINDS = (
    Kind(
        "serving",
        "kill -9 of the process that serves, under load; it is started again",
        "Predictions fail until it is there again; Retrieve Predictions or the next opened task asks again.",
        serving,
        5,
    ),
    Kind(
        "worker",
        "kill -9 of the process that serves under `bentoml serve`, under load",
        "The same; nobody has to start it.",
        worker,
        3,
    ),
    Kind(
        "bentoml",
        "kill -9 of `bentoml serve`, under load; it is started again",
        "The process that serves ends as well and frees the port.",
        bentoml,
        3,
    ),
    Kind(
        "run",
        "kill -9 of a run, once in each of its seven phases",
        "The run goes on from its checkpoint and ends as if nobody had killed it.",
        run,
        1,
    ),
    Kind(
        "both",
        "kill -9 of a run and of the process that serves, at a random moment of the run",
        "The restarted backend resumes the run.",
        both,
        3,
    ),
)
