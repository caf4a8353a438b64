"""Honest load for a long time: predictions, set-ups, events and pages, with runs, rollbacks and kills in between.

    python -m benchmarks.soak --minutes 30

It counts every request by its outcome, and prints how long answers took and how memory, open files and threads change
in an hour. The figures are written between the markers of docs/reliability.md.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from statistics import mean, quantiles
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import reliability
from benchmarks.bars import RESULTS
from benchmarks.load import OUTCOMES, PREDICT, Load
from benchmarks.machine import PROJECT, Machine, at, studio
from benchmarks.processes import end_cleanly, resident
from tests.support import tiny
from tests.support.studio import Studio, served
from tests.support.training_bench import CONFIG, annotated

SAMPLE_SECONDS = 2.0
WARM_SECONDS = 180.0
"""A process loads its model and fills its caches for so long. Its samples count from then on."""
HOUR = 3600.0
ROUTES: dict[str, Mapping[str, Any] | None] = {
    "/setup": {"project": f"{PROJECT}.1", "schema": CONFIG},
    "/webhook": {"action": "ANNOTATION_CREATED", "project": {"id": PROJECT}},
    "/health": None,
    "/versions": None,
    "/metrics": None,
    "/": None,
}
PREDICTIONS = 0.7
"""The share of predictions."""
screen = Console(width=140)


class Everything(Load):
    """Clients that ask for predictions most of the time, and for everything else in between."""

    def choose(self, rng: random.Random) -> tuple[str, Mapping[str, Any] | None]:
        return super().choose(rng) if rng.random() < PREDICTIONS else rng.choice([*ROUTES.items()])


@dataclass
class Sample:
    """What a process holds at one moment."""

    process: int
    seconds: float
    memory: float
    """MB of 10^6 bytes."""
    files: int
    threads: int


@dataclass
class Course:
    """What happens beside the load, and what the processes hold meanwhile."""

    samples: list[Sample] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)

    def count(self, event: str) -> None:
        self.events[event] = self.events.get(event, 0) + 1

    def growth(self, what: str) -> float:
        """By how much a figure grows in an hour, over the lives of all processes."""
        moved = time_moved = 0.0
        for process in {sample.process for sample in self.samples}:
            life = [(one.seconds, getattr(one, what)) for one in self.samples if one.process == process]
            life = [(at, value) for at, value in life if at - life[0][0] >= WARM_SECONDS]
            if len(life) > 1:
                middle, level = mean(at for at, _ in life), mean(value for _, value in life)
                moved += sum((at - middle) * (value - level) for at, value in life)
                time_moved += sum((at - middle) ** 2 for at, _ in life)
        return HOUR * moved / time_moved if time_moved else 0.0


def main(
    minutes: Annotated[float, typer.Option(min=1, help="How long.")] = 30,
    run_every: Annotated[float, typer.Option(help="Minutes from the end of a run to the next.")] = 2,
    kill_every: Annotated[float, typer.Option(help="Minutes from a kill of the process that serves to the next.")] = 8,
    seed: Annotated[int, typer.Option(help="Decides what is asked.")] = 1,
    model: Annotated[Path | None, typer.Option(help="The base model; the tests' tiny one without it.")] = None,
    out: Annotated[Path, typer.Option(help="The file of the figures.")] = RESULTS / "soak.json",
) -> None:
    """Load a machine, and write what became of every request."""
    end_cleanly()
    with tempfile.TemporaryDirectory(prefix="spanloop-soak-") as folder:
        base = model or tiny.build(Path(folder) / "model")
        with served(studio()) as label_studio, at(Path(folder) / "machine", base, label_studio.url) as machine:
            label_studio.projects[PROJECT].models = [machine.url]
            with Everything(machine.url, clients=3, seed=seed) as load:
                course = soak(machine, label_studio, 60 * minutes, 60 * run_every, 60 * kill_every)
            left = load.findings + [f"it left {one}" for one in machine.left()]
    figures = told(load, course, minutes, left)
    out.write_text(json.dumps({**figures, "samples": [asdict(one) for one in course.samples]}) + "\n")
    reliability.write("soak", document(figures))
    screen.print(document(figures)[0], figures, left or "all was well")
    raise typer.Exit(bool(left))


def soak(machine: Machine, label_studio: Studio, seconds: float, run_every: float, kill_every: float) -> Course:
    """Let runs, rollbacks and kills happen until the time is over and the last run has ended."""
    course, began = Course(), time.monotonic()
    job, next_run, next_kill = "", run_every, kill_every
    while (now := time.monotonic() - began) < seconds or job:
        course.samples.append(sample(machine, now))
        if job and (outcome := machine.job(job).get("outcome")):
            course.count(f"runs that ended {outcome}")
            change(machine, course)
            job, next_run = "", time.monotonic() - began + run_every
        elif not job and next_run <= now < seconds:
            project = label_studio.projects[PROJECT]
            project.export = annotated(len(project.export), seed=len(course.samples))
            label_studio.annotate(PROJECT)
            job = machine.click()
        if next_kill <= now < seconds:
            machine.kill()
            machine.start()
            course.count("kills of the process that serves")
            next_kill = now + kill_every
        time.sleep(SAMPLE_SECONDS)
    return course


def change(machine: Machine, course: Course) -> None:
    """Roll back, then make the version live again, as a person does by hand."""
    version = machine.version
    for command in (("rollback",), ("promote", version, "--force")):
        done = machine.program("service", *command)
        course.count(f"`{command[0]}`" if done.returncode == 0 else f"`{command[0]}` that was refused")


def sample(machine: Machine, now: float) -> Sample:
    """What the process that serves holds."""
    status = Path(f"/proc/{machine.process}/status").read_text().splitlines()
    threads = next(int(line.split()[1]) for line in status if line.startswith("Threads"))
    files = len([*Path(f"/proc/{machine.process}/fd").iterdir()])
    return Sample(machine.process, now, resident(machine.process)[0], files, threads)


def told(load: Load, course: Course, minutes: float, findings: Sequence[str]) -> dict[str, Any]:
    """The figures."""
    times = quantiles(load.seconds[PREDICT], n=100)
    routes: dict[str, dict[str, int]] = {}
    for (route, outcome), count in sorted(load.counts.items()):
        routes.setdefault(route, {})[outcome] = count
    return {
        "minutes": minutes,
        "requests": routes,
        "ms of a prediction": {f"p{part}": round(1000 * times[part - 1]) for part in (50, 95, 99)},
        "growth in an hour": {what: round(course.growth(what), 1) for what in ("memory", "files", "threads")},
        "largest": {what: round(max(getattr(one, what) for one in course.samples)) for what in FIGURES},
        "events": course.events,
        "findings": list(findings),
    }


FIGURES = {"memory": "memory in MB", "files": "open files", "threads": "threads"}


def document(figures: Mapping[str, Any]) -> list[str]:
    """The blocks of the document."""
    rows = [[f"`{route}`", *(f"{of.get(one, 0):,}" for one in OUTCOMES)] for route, of in figures["requests"].items()]
    held = [
        [name, f"{figures['largest'][what]:,}", f"{figures['growth in an hour'][what]:+.1f}"]
        for what, name in FIGURES.items()
    ]
    took = ", ".join(f"{part} {ms} ms" for part, ms in figures["ms of a prediction"].items())
    events = ", ".join(f"{count} {event}" for event, count in figures["events"].items())
    findings = "; ".join(figures["findings"]) or "none"
    return [
        reliability.table(("route", *OUTCOMES), rows),
        reliability.table(("of the process that serves", "largest", "growth in an hour"), held),
        f"Predictions took {took}. Meanwhile: {events}. Findings: {findings}. {figures['minutes']:g} minutes; "
        f"{reliability.machine([date.today().isoformat()], reliability.load())}",
    ]


if __name__ == "__main__":
    typer.run(main)
