"""Clients, and a Label Studio, that stall: an honest client beside them goes on."""

from __future__ import annotations

import base64
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles

from benchmarks.faults.dripping import dripping
from benchmarks.faults.kind import Kind, Place, Tried
from benchmarks.load import LOST, PREDICT, Load
from benchmarks.machine import SERVE, Machine, at, running
from benchmarks.processes import peak, resident
from tests.end_to_end.backend import CREDENTIALS

BESIDE = 40
"""Answers that the honest client gets beside the others."""
AUTHORIZATION = f"Authorization: Basic {base64.b64encode(':'.join(CREDENTIALS).encode()).decode()}\r\n"
CLICKS, AT_ONCE = 240, 24
EXPORT_SECONDS = 600.0
SEND_SECONDS = 20.0
USUAL_FILES = 1024
"""Files that a process may open on most machines, unless it asks for more."""


def stalled(place: Place) -> Iterator[Tried]:
    """Ask for 64 predictions with credentials, and send a half of each body."""
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Content-Length: 1000\r\n\r\n"
    yield from _beside(place, 64, head.encode() + b'{"tasks": [')


def unfinished(place: Place) -> Iterator[Tried]:
    """Send 100 events of 8 MB without credentials, and all of each but the last byte."""
    size = 8 << 20
    head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    yield from _beside(place, 100, head.encode() + b" " * (size - 1))


def halves(place: Place) -> Iterator[Tried]:
    """Open 1,100 connections, and send a half of a request line on each, to a process with the usual limit of files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield from _beside(place, 1100, b"GET /heal", ("prlimit", f"--nofile={USUAL_FILES}:{most}", *SERVE))


def clicks(place: Place) -> Iterator[Tried]:
    """Click Start Training 240 times while Label Studio sends a byte a second."""
    with dripping("/api") as url, at(place.folder, place.model, url, basic_auth=True) as machine:

        def click(number: int) -> float:
            began = time.monotonic()
            machine.click()
            return time.monotonic() - began

        for _ in range(place.times):
            with _honest(machine) as (load, figures), ThreadPoolExecutor(AT_ONCE) as people:
                figures["slowest answer to a click in s"] = round(max(people.map(click, range(CLICKS))), 1)
                load.wait(BESIDE)
            yield _tried(load, figures)


def export(place: Place) -> Iterator[Tried]:
    """Let a run read annotations that come a byte a second, and have no end."""
    with dripping("/api/tasks") as url, at(place.folder, place.model, url, basic_auth=True) as machine:
        for _ in range(place.times):
            job = machine.click()
            with _honest(machine) as (load, figures):
                began = time.monotonic()
                ended = machine.ended(job, EXPORT_SECONDS)
                figures["the run ended after s"] = round(time.monotonic() - began)
            said = [] if ended["outcome"] == "failed" else [f"the run ended {ended['outcome']}"]
            yield _tried(load, figures, said)


def _beside(place: Place, count: int, sent: bytes, program: Sequence[str] = SERVE) -> Iterator[Tried]:
    """Open connections that send this and no more, and ask beside them."""
    with running(place.folder, place.model, program=program, basic_auth=True) as machine:
        for _ in range(place.times):
            with _honest(machine) as (load, figures), ExitStack() as opened:
                _send([opened.enter_context(_connection(machine)) for _ in range(count)], sent)
                load.wait(BESIDE)
            yield _tried(load, figures)


@contextmanager
def _honest(machine: Machine) -> Iterator[tuple[Load, dict[str, float]]]:
    """An honest client that asks while the context lasts, and the figures of that time."""
    figures: dict[str, float] = {}
    Path(f"/proc/{machine.process}/clear_refs").write_text("5")  # the peak counts from here on
    with Load(machine.url, CREDENTIALS, clients=1) as load:
        load.wait(BESIDE)
        figures["memory before in MB"] = round(resident(machine.process)[0])
        yield load, figures
    figures["memory peak in MB"] = round(peak(machine.process))
    figures["answers"] = load.count("right")
    figures["p95 of an answer in s"] = round(quantiles(load.seconds[PREDICT], n=20)[-1], 2)


def _tried(load: Load, figures: dict[str, float], findings: Sequence[str] = ()) -> Tried:
    """What came of a try: its seconds are those of the honest client's slowest answer."""
    lost = [f"{load.count(one)} honest requests {one}" for one in LOST if load.count(one)]
    return Tried(max(load.seconds[PREDICT]), [*findings, *load.findings, *lost], figures)


def _connection(machine: Machine) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", machine.port), timeout=30)
    made.setblocking(False)
    return made


def _send(connections: Sequence[socket.socket], sent: bytes) -> None:
    """Send as much as the server takes within SEND_SECONDS, on all connections at once."""
    left = dict.fromkeys(connections, memoryview(sent))
    by_file = {connection.fileno(): connection for connection in connections}
    deadline = time.monotonic() + SEND_SECONDS
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection, selectors.EVENT_WRITE)
        while ready.get_map() and time.monotonic() < deadline:
            for key, _ in ready.select(0.1):
                connection = by_file[key.fd]
                left[connection] = _rest(connection, left[connection])
                if not left[connection]:
                    ready.unregister(connection)


def _rest(connection: socket.socket, left: memoryview) -> memoryview:
    """Send a part. Returns what is left of it; nothing if the server takes no more."""
    try:
        return left[connection.send(left) :]
    except OSError:
        return left[:0]


def _kind(name: str, done: str, seen: str, tries: Callable[[Place], Iterator[Tried]], times: int = 3) -> Kind:
    return Kind(name, f"{done}, beside one honest client", seen, tries, times)


KINDS = (
    _kind("stalled", "64 `/predict` whose bodies never come", "Its predictions are answered as before.", stalled),
    _kind(
        "unfinished",
        "100 events of 8 MB without credentials whose last byte never comes",
        "Its predictions are answered as before.",
        unfinished,
    ),
    _kind(
        "halves",
        "1,100 connections with half a request line, to a process with the usual limit of 1,024 files",
        "Its predictions are answered as before.",
        halves,
    ),
    _kind(
        "clicks",
        "240 clicks on *Start Training* while Label Studio sends a byte a second",
        "Each click is answered at once; the page says that Label Studio does not answer.",
        clicks,
        1,
    ),
    _kind(
        "export",
        "a run whose annotations come a byte a second and have no end",
        "The run fails, and says that Label Studio does not answer.",
        export,
        1,
    ),
)
