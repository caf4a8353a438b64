"""What a person reads of problems in a terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from service.model.spans import Span
from training.dataset import Document
from training.problems.agreement import agreement
from training.problems.contradictions import contradictions
from training.problems.doubts import Doubt, DoubtfulTask, Marked
from training.problems.report import Report
from training.problems.table import show

STEERS = "Ann\x1b]0;owned\x07\x1b[2J\r\nBob [bold]"


def told(**found):
    """What is shown of a report that has nothing else."""
    nothing = {
        "tasks": 2,
        "doubtful": [],
        "contradictions": [],
        "agreement": agreement([], []),
        "emails": {},
        "notes": [],
    }
    console = Console(file=StringIO(), force_terminal=False, width=200)
    show(Report(**{"url": "http://label-studio.example.com", **nothing, **found}), console)
    return console.file.getvalue()


def test_a_text_of_thousands_of_tasks_takes_some_lines():
    documents = [
        Document("OK", ("person",), (Span(0, 2, "person", 1.0),) * (task % 2), 1, task, task, 5) for task in range(3000)
    ]
    shown = told(contradictions=contradictions(documents))
    assert "and 2,990 more" in shown
    assert shown.count("/projects/1/data?task=") == 10


def test_what_strangers_wrote_does_not_steer_the_terminal():
    marked = Marked(0, 9, f"person{STEERS}", STEERS)
    documents = [
        Document(STEERS, ("person",), spans, 1, task, task, 5)
        for task, spans in ((1, ()), (2, (Span(0, 3, "person", 1.0),)))
    ]
    shown = told(
        doubtful=[DoubtfulTask(1, 1, 1, 5, 0.9, (Doubt(0.9, marked, None),))],
        contradictions=contradictions(documents),
        agreement=agreement(documents, []),
        emails={5: f"ann{STEERS}@example.com"},
        notes=[STEERS],
    )
    assert "Bob [bold]" in shown
    assert "/projects/1/data?task=1" in shown
    assert not {"\x1b", "\x07", "\r"} & set(shown)
