"""docs/reliability.md: each program of this kind writes its figures between markers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
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


def machine() -> str:
    """The machine and the date, as the document names them."""
    return f"{available()} processors ({processor()}), shared with other work; {date.today().isoformat()}."
