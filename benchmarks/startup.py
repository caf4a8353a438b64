"""How long a pod's program takes from its start to its readiness, and what it then holds in memory.

    python -m benchmarks.startup

The programs are started as the chart starts them, the files in the page cache, as on a node that has run them before.
"""

from __future__ import annotations

import http.client
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bars import RESULTS, Bar, less_than, write
from benchmarks.processes import resident, started
from tests.support.api_server import ApiServer
from tests.support.api_server import served as api_served
from tests.support.servers import free_port

SETTLED = 3.0
"""Seconds after its readiness at which a program's memory is looked at: all that it does by itself is done by then."""
PATIENCE = 120.0
STARTS = 5
screen = Console()


@dataclass(frozen=True)
class Program:
    """What a pod starts, and the route that its readiness probe asks."""

    name: str
    service: str
    route: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Measured:
    """Seconds to readiness and megabytes of all processes then, start by start."""

    name: str
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


BACKEND, EXTRACTOR = "backend alone", "extractor with the starter"


def main(
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
    starts: Annotated[int, typer.Option(min=1, help="How often each program is started, in turn.")] = STARTS,
) -> None:
    """Start all programs in turn, print a table, write the figures and the bars that they are held against."""
    with tempfile.TemporaryDirectory() as folder, api_served(ApiServer(), Path(folder)) as kubeconfig:
        known = programs(kubeconfig)
        found = {program.name: Measured(program.name) for program in known}
        for number in range(starts + 1):
            for program in known:
                seconds, memory = start(program)
                if number:  # the first fills the page cache
                    found[program.name].seconds.append(seconds)
                    found[program.name].memory.append(memory)
    screen.print(table(list(found.values())))
    if starts >= STARTS:  # bars are of the whole
        write(out, "startup", [asdict(one) for one in found.values()], bars(found))


def programs(kubeconfig: Path) -> list[Program]:
    """The backend, whose Kubernetes is a small server of the tests, and the extractor."""
    cluster = {
        "KUBECONFIG": str(kubeconfig),
        "SPANLOOP_NAMESPACE": "spanloop",
        "SPANLOOP_RELEASE": "spanloop",
        "SPANLOOP_EXTRACTOR_DEPLOYMENT": "extractor",
        "SPANLOOP_EXTRACTOR_URL": "http://127.0.0.1:9",
    }
    return [
        Program(BACKEND, "service.main:Backend", "/livez", cluster),
        Program(EXTRACTOR, "service.main:Extractor", "/ready"),
    ]


def start(program: Program) -> tuple[float, float]:
    """Start a program in a home of its own and end it. Seconds to its readiness, and megabytes of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port(0)
        began = time.perf_counter()
        told = {"SPANLOOP_THREADS": "1", **program.environment}
        server = started(program.service, port, Path(folder), told)
        try:
            while not answers(port, program.route):
                if time.perf_counter() - began > PATIENCE:
                    raise RuntimeError(f"{program.name} is not ready:\n{server.tail()}")
                time.sleep(0.02)
            seconds = time.perf_counter() - began
            time.sleep(SETTLED)
            return seconds, sum(resident(server.process))
        finally:
            server.stop()


def answers(port: int, route: str) -> bool:
    """Whether a probe's request is answered with 200; waits while the socket accepts and nobody answers yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", route)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def table(measured: Sequence[Measured]) -> Table:
    made = Table("program", "seconds to readiness", "MB", title="median of starts")
    for one in measured:
        made.add_row(one.name, spread(one.seconds), spread(one.memory))
    return made


def spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def bars(found: Mapping[str, Measured]) -> Iterator[Bar]:
    """What the programs are held to."""
    yield less_than(f"{BACKEND}, ready", median(found[BACKEND].seconds), "s", 4.0)
    yield less_than(f"{BACKEND}, memory", median(found[BACKEND].memory), "MB", 150.0)
    yield less_than(f"{EXTRACTOR}, ready", median(found[EXTRACTOR].seconds), "s", 6.0)


if __name__ == "__main__":
    typer.run(main)
