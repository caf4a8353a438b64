"""What a server's processes hold in memory, as Linux tells it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def tree(process: int) -> Iterator[int]:
    """A process and all that it has started, whose ids they are."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))


def resident(process: int) -> list[float]:
    """Megabytes that each process of a tree holds; pages that they share count in each."""
    return [_resident(one) for one in tree(process)]


def _resident(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kilobytes / 1024
