"""docs/reliability.md: each program of this kind writes its figures between markers of its own."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from benchmarks.bars import processor
from service.files import replace_text
from service.processors import available

DOCUMENT = Path("docs/reliability.md")


def write(command: str, blocks: Sequence[str], document: Path = DOCUMENT) -> None:
    """Replace what stands between the markers of a command by blocks of Markdown."""
    begin, end = (f"<!-- written by make {command}: {side} -->" for side in ("begin", "end"))
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    replace_text(document, "\n\n".join([f"{before}{begin}", *blocks, end]) + after)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def machine(dates: Collection[str], load: float) -> str:
    """The machine, the dates and the highest load at which the figures were measured, as the document names them."""
    when = " to ".join(dict.fromkeys((min(dates), max(dates))))
    return f"{available()} processors ({processor()}), load {load:.1f} at most; {when}."


def load() -> float:
    """How many programs have wanted a processor on average during the last minute."""
    return round(os.getloadavg()[0], 1)
