"""A report as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex
from rich.console import Console
from rich.table import Table
from rich.text import Text

from training.problems.agreement import Agreed
from training.problems.contradictions import Version
from training.problems.doubts import Doubt, Marked
from training.problems.report import Report

MOST_TASKS = 25
"""Tasks and texts that a table shows; the JSON has all."""

MOST_LINES = 10
"""Doubts of a task, and tasks of a text, that a table shows."""
STEERING = regex.compile(r"[^\P{Cc}\n]")
"""A control character that does not begin a line."""

WHAT_TO_DO = (
    "Open the tasks from the top, and correct those that are wrong; stop where most are right. Then train again. "
    "`spanloop train --exclude-task ID` trains without a task, and `--exclude-annotator ID` without the "
    "annotations of a user (an id or e-mail address)."
)
NOTHING_FOUND = "Nothing was found that speaks against the annotations."


def show(report: Report, console: Console) -> None:
    """Print the doubtful tasks, the contradictions, the agreement, and what to do."""
    tables = [table for table in (_doubtful(report), _contradictions(report), *_agreement(report)) if table.row_count]
    for table in tables:
        console.print(table)
    for note in (*_notes(report), WHAT_TO_DO if tables else NOTHING_FOUND):
        console.print(_cell(note))


def _doubtful(report: Report) -> Table:
    table = _table(
        f"{_shown(len(report.doubtful), 'tasks')} whose annotation models doubt that have not learnt from it",
        "task",
        "annotator",
        "sure",
        "doubt",
    )
    for task in report.doubtful[:MOST_TASKS]:
        link = report.link(task.project, task.task)
        told = _lines([_doubt(doubt) for doubt in task.doubts[:MOST_LINES]], len(task.doubts))
        table.add_row(*map(_cell, (link, report.name(task.annotator), f"{task.score:.0%}", told)))
    return table


def _doubt(doubt: Doubt) -> str:
    annotated, found = map(_marked, (doubt.annotated, doubt.found))
    if not found:
        return f"{annotated} is annotated, and models find nothing there"
    if not annotated:
        return f"{found} is not annotated"
    return f"{annotated} is annotated, and models find {found}"


def _marked(marked: Marked | None) -> str:
    return f"“{marked.words}” as {marked.label}" if marked else ""


def _contradictions(report: Report) -> Table:
    table = _table(
        f"{_shown(len(report.contradictions), 'texts')} that several tasks annotate differently", "text", "tasks"
    )
    for one in report.contradictions[:MOST_TASKS]:
        versions = one.versions[:MOST_LINES]
        told = _lines(
            [f"{report.link(each.project, each.task)}: {_only(each)}" for each in versions], len(one.versions)
        )
        table.add_row(_cell(one.text), _cell(told))
    return table


def _only(version: Version) -> str:
    """The spans that not all tasks have."""
    return ", ".join(f"{label} at {start}–{end}" for start, end, label in version.spans) or "nothing more"


def _agreement(report: Report) -> Iterator[Table]:
    found = report.agreement
    named = {report.name(annotator): agreed for annotator, agreed in found.annotators.items()}
    for what, rows in (("label", found.labels), ("annotator", named)):
        table = _table(
            f"Agreement by {what}, on {found.whole.tasks:,} tasks of several annotators", what, "F1", "tasks"
        )
        for name, agreed in rows.items():
            table.add_row(_cell(name), _f1(agreed), f"{agreed.tasks:,}")
        yield table


def _f1(agreed: Agreed) -> str:
    return "–" if agreed.f1 is None else f"{agreed.f1:.3f}"


def _notes(report: Report) -> Iterator[str]:
    yield f"{report.tasks:,} annotated tasks were read."
    if not report.agreement.whole.tasks:
        yield "No task was annotated by several annotators, so nothing tells how far they agree."
    yield from report.notes


def _shown(count: int, what: str) -> str:
    return f"The first {MOST_TASKS} of {count:,} {what}" if count > MOST_TASKS else f"{count:,} {what}"


def _lines(first: Sequence[str], count: int) -> str:
    """The first of so many lines, and how many are not shown."""
    more = count - len(first)
    return "\n".join([*first, *([f"and {more:,} more"] if more else [])])


def _cell(text: str) -> Text:
    """A text without what would steer the terminal: strangers wrote it."""
    return Text(STEERING.sub(" ", text))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
