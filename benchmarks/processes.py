"""A service as its user starts it, and what its processes hold in memory, as Linux tells it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.settings import ROOT, STARTER
from tests.support.servers import Server


def started(service: str, port: int, folder: Path, environment: Mapping[str, str]) -> Server:
    """A service with the starter and a home of its own, just started as pods do; `environment` is told besides."""
    told = {
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
    return Server(service, command, told, f"http://127.0.0.1:{port}", folder / "log.txt")


def tree(process: int) -> Iterator[int]:
    """A process and all that it has started, whose ids they are."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))


def resident(process: int) -> list[float]:
    """Megabytes (of 10^6 bytes) that each process of a tree holds; pages that they share count in each."""
    return [_resident(one) for one in tree(process)]


def _resident(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kilobytes * 1024 / 1e6
