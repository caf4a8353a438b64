"""Starts a service as its user does, and reads the memory of its processes from Linux."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.settings import ROOT, STARTER
from tests.support.servers import Server


def started(service: str, port: int, folder: Path, environment: Mapping[str, str]) -> Server:
    """Start a service as a pod does, with the starter and `folder` as its home. `environment` adds to its variables."""
    variables = {
        "SPANLOOP_HOME": str(folder),
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "SPANLOOP_MODEL": str(STARTER),
        **environment,
    }
    (folder / "bentoml").mkdir()
    command = [sys.executable, "-m", "service.web.serve", service, "--host", "127.0.0.1", "--port", str(port)]
    return Server(service, command, variables, f"http://127.0.0.1:{port}", folder / "log.txt")


def end_cleanly() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that what it has started and made is ended and deleted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def tree(process: int) -> Iterator[int]:
    """The ids of a process and of all its descendants."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))


def resident(process: int) -> list[float]:
    """Resident memory of each process of a tree, in MB of 10^6 bytes. Shared pages count in each process."""
    return [_memory(member, "VmRSS") for member in tree(process)]


def peak(process: int) -> float:
    """The most resident memory that a process has had, in MB of 10^6 bytes."""
    return _memory(process, "VmHWM")


def _memory(process: int, kind: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith(kind))
    return kilobytes * 1024 / 1e6
