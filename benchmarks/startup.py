"""How long a pod's program takes from its start to its readiness, and how much memory it then holds.

    python -m benchmarks.startup

It starts the programs as the chart does. The files are in the page cache, as on a node that has run them before.
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

SETTLE_SECONDS = 3.0
"""Seconds from readiness to the measurement of memory. By then a program has finished its own start."""
READY_SECONDS_MAX = 120.0
STARTS = 5
screen = Console()


@dataclass(frozen=True)
class Program:
    """A program of a pod, and the route of its readiness probe."""

    name: str
    service: str
    route: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Measured:
    """For each start the seconds to readiness and the memory of all processes then, in MB."""

    name: str
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


BACKEND, EXTRACTOR = "backend alone", "extractor with the starter"


def main(
    out: Annotated[Path, typer.Option(help="The folder for the JSON.")] = RESULTS,
    starts: Annotated[int, typer.Option(min=1, help="How often each program starts, in turn.")] = STARTS,
) -> None:
    """Start all programs in turn, print a table, and write the figures and their bars."""
    with tempfile.TemporaryDirectory() as folder, api_served(ApiServer(), Path(folder)) as kubeconfig:
        chosen = programs(kubeconfig)
        measured = {program.name: Measured(program.name) for program in chosen}
        for number in range(starts + 1):
            for program in chosen:
                seconds, memory = start(program)
                if number:  # the first start fills the page cache
                    measured[program.name].seconds.append(seconds)
                    measured[program.name].memory.append(memory)
    screen.print(table(list(measured.values())))
    if starts >= STARTS:  # bars need the whole measurement
        write(out, "startup", [asdict(one) for one in measured.values()], bars(measured))


def programs(kubeconfig: Path) -> list[Program]:
    """The backend, with the tests' small API server as its Kubernetes, and the extractor."""
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
    """Start a program in a new home and end it. Returns its seconds to readiness and the MB of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port(0)
        began = time.perf_counter()
        environment = {"SPANLOOP_THREADS": "1", **program.environment}
        server = started(program.service, port, Path(folder), environment)
        try:
            while not answers(port, program.route):
                if time.perf_counter() - began > READY_SECONDS_MAX:
                    raise RuntimeError(f"{program.name} is not ready after {READY_SECONDS_MAX:.0f} s:\n{server.tail()}")
                time.sleep(0.02)
            seconds = time.perf_counter() - began
            time.sleep(SETTLE_SECONDS)
            return seconds, sum(resident(server.process))
        finally:
            server.stop()


def answers(port: int, route: str) -> bool:
    """Whether the route answers 200. Waits if the socket accepts the connection but does not answer yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS_MAX)
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


def bars(measured: Mapping[str, Measured]) -> Iterator[Bar]:
    """The limits for the programs."""
    yield less_than(f"{BACKEND}, ready", median(measured[BACKEND].seconds), "s", 4.0)
    yield less_than(f"{BACKEND}, memory", median(measured[BACKEND].memory), "MB", 150.0)
    yield less_than(f"{EXTRACTOR}, ready", median(measured[EXTRACTOR].seconds), "s", 6.0)


if __name__ == "__main__":
    typer.run(main)
