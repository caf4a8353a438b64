"""Programs that are killed while they write a file of the state."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.faults.kind import Kind, Place, Tried
from benchmarks.faults.writer import STATES, number_in, write
from service.settings import ROOT

MOMENT_SECONDS = 0.1
"""A writer is killed at a moment of so many seconds after its first write."""


def writing(state: str, place: Place) -> Iterator[Tried]:
    """Kill a program that changes a file of the state without a pause, and read and change the file again."""
    home = place.folder / "home"
    for _ in range(place.times):
        command = [sys.executable, "-m", "benchmarks.faults.writer", state, str(home)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            first = int(writer.stdout.readline())
            time.sleep(place.rng.uniform(0, MOMENT_SECONDS))
            writer.kill()
            told = [first, *map(int, writer.stdout.read().split("\n")[:-1])]
        began = time.monotonic()
        found = number_in(state, home)
        # The last write may have been done before it was told.
        findings = [] if found in (told[-1], told[-1] + 1) else [f"{state}: {found} is there after {told[-1]}"]
        write(state, home, found + 1)
        findings += [] if number_in(state, home) == found + 1 else [f"{state} cannot be changed any more"]
        yield Tried(time.monotonic() - began, [*findings, *_left(home)])


def _left(home: Path) -> list[str]:
    """Halves of files that nobody will finish."""
    found = len([path for path in home.rglob(".*.json*") if path.is_file()])
    return [f"{found} unfinished files beside the state"] if found else []


def _kind(state: str, what: str) -> Kind:
    seen = "Nothing: a file holds its last or its next content, never half of one."
    return Kind(
        f"write-{state}", f"kill -9 of a program that writes {what} all the time", seen, partial(writing, state), 40
    )


KINDS = tuple(_kind(state, what) for state, what in STATES.items())
