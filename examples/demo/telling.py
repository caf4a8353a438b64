"""What the demonstration shows at its end: scores before and after, and what flipped, with both markings."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from examples.demo import gold
from training.dataset import Document

Spans = set[tuple[int, int, str]]
Found = dict[str, Spans]
"""The spans that a version found, by text."""

COLOURS = ("cyan", "green", "magenta", "yellow", "red")
FLIPPED = 4
"""So many texts are shown."""
LONGEST = 300
"""Longer texts are counted and not shown: in a page nobody sees what flipped."""


def scores(parts: dict[str, Sequence[Document]], before: tuple[str, Found], after: tuple[str, Found]) -> Table:
    """F1 of two versions, each a name and what it found, on parts of the documents, by label."""
    table = Table(title="F1 of the stored predictions against the gold annotations")
    for name in ("", before[0], after[0]):
        table.add_column(name, overflow="fold", justify="left" if not name else "right")
    for name, documents in parts.items():
        for label in ("", *documents[0].labels):
            found = ([spans[document.text] for document in documents] for _, spans in (before, after))
            figures = (f"{gold.f1(each, documents, label):.3f}" for each in found)
            table.add_row(f"[bold]{name}" if not label else f"  {label}", *figures)
    return table


def flips(documents: Sequence[Document], before: Found, after: Found) -> Group:
    """Texts in which the new version is right where the old one was wrong, or the other way round, the most first."""
    changed = {document.text: _flipped(document, before, after) for document in documents}
    fixed, broken = (sum(counts[place] for counts in changed.values()) for place in (0, 1))
    told = Text(f"In the {len(documents)} notes that nobody annotated: {fixed} spans fixed, {broken} broken.")
    short = (document for document in documents if any(changed[document.text]) and len(document.text) <= LONGEST)
    shown = sorted(short, key=lambda document: (-sum(changed[document.text]), document.text))
    table = Table(show_header=False, box=None, padding=(0, 1))
    for document in shown[:FLIPPED]:
        table.add_row("before", marked(document, before[document.text]))
        table.add_row("now", marked(document, after[document.text]))
        table.add_row("gold", marked(document, {span[:3] for span in document.spans}), end_section=True)
        table.add_row()
    return Group(told, table)


def marked(document: Document, spans: Spans) -> Text:
    """A text with its spans in the colours of their labels, each with its label behind it."""
    text, at = Text(), 0
    for start, end, label in sorted(spans):
        text.append(document.text[at:start])
        colour = COLOURS[document.labels.index(label) % len(COLOURS)]
        text.append(document.text[max(start, at) : end], f"bold {colour}").append(f" [{label}]", colour)
        at = max(at, end)
    return text.append(document.text[at:])


def _flipped(document: Document, before: Found, after: Found) -> tuple[int, int]:
    """How many gold spans were fixed and broken."""
    wanted = {span[:3] for span in document.spans}
    was, now = before[document.text] & wanted, after[document.text] & wanted
    return len(now - was), len(was - now)
