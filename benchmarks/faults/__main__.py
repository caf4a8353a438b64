"""Machines that fail: real processes are killed, their disk is full, their clients stall.

    python -m benchmarks.faults --kind serving --kind run --seed 1

Each kind of fault is tried many times at random moments of a seed. It prints what came of each try, and writes the
table in docs/reliability.md, in which the kinds that are not tried this time keep their rows.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from benchmarks import reliability
from benchmarks.bars import RESULTS
from benchmarks.faults import clients, disks, kills, writes
from benchmarks.faults.kind import Kind, Place, Tried
from benchmarks.processes import end_cleanly
from service.files import replace_text
from tests.support import tiny

KINDS = {kind.name: kind for kind in (*kills.KINDS, *writes.KINDS, *disks.KINDS, *clients.KINDS)}
HEAD = ("what is done", "times", "all was well", "slowest recovery or answer", "what a user sees")
screen = Console(width=140)


def main(
    kind: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(KINDS)}; all without it.")] = None,
    times: Annotated[int, typer.Option(help="How often each kind is tried; 0: as often as is its own.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides the moments.")] = 1,
    model: Annotated[Path | None, typer.Option(help="The base model; the tests' tiny one without it.")] = None,
    out: Annotated[Path, typer.Option(help="The file of the figures.")] = RESULTS / "faults.json",
) -> None:
    """Try each kind of fault, and write the figures and the table."""
    end_cleanly()
    unknown = set(kind or ()) - set(KINDS)
    if unknown:
        raise typer.BadParameter(f"there is no kind {', '.join(sorted(unknown))}; the kinds are {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory(prefix="spanloop-faults-") as folder:
        base = model or tiny.build(Path(folder) / "model")
        for name in kind or list(KINDS):
            place = Path(folder) / name
            place.mkdir()
            found: list[Tried] = []
            with closing(tried(KINDS[name], Place(place, base, random.Random(seed), times))) as tries:
                for one in tries:
                    found.append(one)
                    keep(out, KINDS[name], found, seed)
    document(out)


def tried(kind: Kind, place: Place) -> Generator[Tried, None, None]:
    """Try a kind, and tell what came of each try. What breaks off a series is a finding of its last try."""
    screen.rule(kind.name)
    if kind.needs_root and os.geteuid() != 0:
        screen.print("not tried: it mounts a file system, which needs root")
        return
    try:
        for one in kind.tries(place._replace(times=place.times or kind.times)):
            screen.print(f"{one.seconds:.1f} s, {'; '.join(one.findings) or 'well'} {one.figures or ''}", markup=False)
            yield one
    except (AssertionError, OSError, ValueError, RuntimeError, subprocess.SubprocessError, httpx.HTTPError) as error:
        screen.print(f"broken off: {error}", markup=False)
        yield Tried(0.0, [f"{type(error).__name__}: {error}"])


def keep(out: Path, kind: Kind, found: Sequence[Tried], seed: int) -> None:
    """Keep the figures of a kind beside those of the others, after each try: a series may be stopped."""
    figures = {
        "seed": seed,
        "date": date.today().isoformat(),
        "load": reliability.load(),
        "tries": [one.__dict__ for one in found],
    }
    replace_text(out, json.dumps({**kept(out), kind.name: figures}, indent=1) + "\n")


def kept(out: Path) -> dict[str, Any]:
    """The figures of the kinds that have been tried."""
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    return found


def document(out: Path) -> None:
    """Write the table of all kinds that have been tried, what was not well, and which kinds have not been tried."""
    figures = kept(out)
    rows = [row(kind, figures[name]["tries"]) for name, kind in KINDS.items() if name in figures]
    wrong = {name: sorted({one for tried in figures[name]["tries"] for one in tried["findings"]}) for name in figures}
    told = [f"- **{name}**: {finding}" for name in KINDS for finding in wrong.get(name, ())]
    last = "Not well was:\n\n" + "\n".join(told) if told else "In no try was anything not well."
    dates, loads = ([one[key] for one in figures.values()] for key in ("date", "load"))
    blocks = [reliability.table(HEAD, rows), last, reliability.machine(dates, max(loads))]
    untried = [f"- `{name}`: {kind.done}" for name, kind in KINDS.items() if name not in figures]
    if untried:
        blocks.append("Without figures yet, because they have not been tried to their end:\n\n" + "\n".join(untried))
    reliability.write("faults", blocks)


def row(kind: Kind, tries: Sequence[dict[str, Any]]) -> list[str]:
    """A kind's row."""
    well = sum(not one["findings"] for one in tries)
    told = f"{well}" if well == len(tries) else f"**{well}**"
    seconds = max(one["seconds"] for one in tries)
    return [kind.done, str(len(tries)), told, f"{seconds:.1f} s" if seconds else "–", f"{kind.seen}{_figures(tries)}"]


def _figures(tries: Sequence[dict[str, Any]]) -> str:
    """The largest of each figure of the tries."""
    names = dict.fromkeys(name for one in tries for name in one["figures"])
    largest = {name: max(one["figures"].get(name, 0) for one in tries) for name in names}
    return " " + "; ".join(f"{name}: {value:g}" for name, value in largest.items()) + "." if largest else ""


if __name__ == "__main__":
    typer.run(main)
