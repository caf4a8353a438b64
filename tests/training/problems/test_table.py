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


def test_what_strangers_wrote_does_not_steer_the_terminal():
    marked = Marked(0, 9, f"person{STEERS}", STEERS)
    documents = [
        Document(STEERS, ("person",), spans, 1, task, task, 5)
        for task, spans in ((1, ()), (2, (Span(0, 3, "person", 1.0),)))
    ]
    report = Report(
        url="http://label-studio.example.com",
        tasks=2,
        doubtful=[DoubtfulTask(1, 1, 1, 5, 0.9, (Doubt(0.9, marked, None),))],
        contradictions=contradictions(documents),
        agreement=agreement(documents, []),
        emails={5: f"ann{STEERS}@example.com"},
        notes=[STEERS],
    )
    console = Console(file=StringIO(), force_terminal=False, width=200)
    show(report, console)
    told = console.file.getvalue()
    assert "Bob [bold]" in told
    assert "/projects/1/data?task=1" in told
    assert not {"\x1b", "\x07", "\r"} & set(told)
