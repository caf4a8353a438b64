"""What the demonstration shows of two versions."""

from __future__ import annotations

from rich.console import Console

from examples.demo.telling import flips, marked, scores
from service.model.spans import Span
from training.dataset import Document

LABELS = ("Disease", "Medication/Vaccine")
TEXT = "aspirin against migraine"
NOTE = Document(text=TEXT, labels=LABELS, spans=(Span(0, 7, LABELS[1], 1.0), Span(16, 24, LABELS[0], 1.0)))
ASPIRIN, MIGRAINE = (0, 7, LABELS[1]), (16, 24, LABELS[0])


def printed(shown: object) -> str:
    console = Console(width=100, record=True)
    console.print(shown)
    return console.export_text()


def test_a_text_is_shown_with_its_labels_behind_its_spans() -> None:
    assert marked(NOTE, {ASPIRIN, MIGRAINE}).plain == "aspirin [Medication/Vaccine] against migraine [Disease]"


def test_what_flipped_is_counted_and_shown_with_both_markings() -> None:
    same = Document(text="nothing new", labels=LABELS, spans=())
    before = {TEXT: {ASPIRIN, (8, 15, LABELS[0])}, same.text: set()}
    told = printed(flips([NOTE, same], before, {TEXT: {MIGRAINE}, same.text: set()}))
    assert "In the 2 notes that nobody annotated: 1 spans fixed, 1 broken." in told
    assert "before  aspirin [Medication/Vaccine] against [Disease] migraine" in told
    assert "now     aspirin against migraine [Disease]" in told
    assert "nothing new" not in told


def test_a_page_is_counted_and_not_shown() -> None:
    page = Document(text=f"{TEXT} {'and so on ' * 40}", labels=LABELS, spans=NOTE.spans)
    told = printed(flips([page], {page.text: set()}, {page.text: {ASPIRIN, MIGRAINE}}))
    assert "2 spans fixed, 0 broken" in told
    assert "and so on" not in told


def test_names_of_versions_are_never_cut() -> None:
    names = [f"20261130-08142{number}-1fbb72.a1b2c3" for number in (5, 6)]
    told = printed(
        scores({"1 held-out notes": [NOTE]}, (names[0], {TEXT: {ASPIRIN}}), (names[1], {TEXT: {ASPIRIN, MIGRAINE}}))
    )
    assert all(name in told for name in names)
    assert "0.667" in told
    assert "1.000" in told
