"""What windows change for long notes: F1 and speed by length, with the starter's windows and with the longest.

    python -m benchmarks.notes --data ../shared/data

The notes are the first 600 sentences of BC5CDR's dev part, joined. Every round runs both kinds of windows on all notes,
one after the other, so that other load on the machine affects both. The first round warms up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bars import RESULTS, Bar, at_least, write
from service.model.computing import use_threads
from service.model.model import Model
from service.model.spans import Span
from service.settings import STARTER
from training.dataset import Document
from training.judge.scores import score
from training.lengths import with_length

SENTENCES = 600
SENTENCES_OF_A_NOTE = (1, 3, 6, 12, 20)
ROUNDS = 3
LABELS = ("Chemical", "Disease")
THRESHOLD = 0.5
screen = Console()


@dataclass(frozen=True)
class Measured:
    """Notes of one length, read with windows of one length."""

    words: int
    """Words of a note, on average."""
    window_words: int
    f1: float
    words_a_second: float
    """Median of the rounds, by the clock on the wall."""
    cpu_seconds: float
    """Processor time of all notes, median of the rounds."""
    rate: float
    """Median of the rounds: notes a second of processor time, as a multiple of that with the longest windows."""


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="The folder for the JSON.")] = RESULTS,
    rounds: Annotated[int, typer.Option(min=1, help="How often both kinds of windows run.")] = ROUNDS,
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch computes with.")] = 1,
) -> None:
    """Measure, print a table, and write the figures and their bars."""
    use_threads(threads)
    model = Model.load(str(STARTER), "cpu")
    model.use("auto")
    lines = (data / "bc5cdr" / "dev.jsonl").read_text(encoding="utf-8").splitlines()[:SENTENCES]
    measured = [one for size in SENTENCES_OF_A_NOTE for one in measure(model, list(notes(lines, size)), rounds)]
    screen.print(table(measured))
    if rounds >= ROUNDS:  # bars need the whole measurement
        write(out, "notes", [asdict(one) for one in measured], bars(measured))


def notes(lines: Sequence[str], size: int) -> Iterator[Document]:
    """Notes of `size` sentences, joined by blanks, with their annotated spans."""
    sentences = map(json.loads, lines)
    while group := list(islice(sentences, size)):
        text, spans = "", []
        for sentence in group:
            spans += [
                Span(span["start"] + len(text), span["end"] + len(text), span["label"], 1.0)
                for span in sentence["spans"]
            ]
            text += f"{sentence['text']} "
        yield Document(text, LABELS, tuple(spans))


def measure(model: Model, documents: Sequence[Document], rounds: int) -> list[Measured]:
    """Notes of one length with the model's windows and with the longest."""
    words = round(sum(len(document.text.split()) for document in documents) / len(documents))
    ways = [model, with_length(model, model.max_words)]
    scores = [score(way, documents, THRESHOLD).f1 for way in ways]
    timed = [[seconds(way, documents) for way in ways] for _ in range(rounds + 1)][1:]
    measured = []
    for place, way in enumerate(ways):
        of_wall, of_cpu = zip(*(both[place] for both in timed), strict=True)
        rate = median(both[1][1] / both[place][1] for both in timed)
        speed = words * len(documents) / median(of_wall)
        measured.append(Measured(words, way.window_words, scores[place], speed, median(of_cpu), rate))
    return measured


def seconds(model: Model, documents: Sequence[Document]) -> tuple[float, float]:
    """Seconds of one reading of all notes: by the clock on the wall, and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    model.extract([document.text for document in documents], LABELS, THRESHOLD)
    return time.perf_counter() - wall, time.process_time() - cpu


def bars(measured: Sequence[Measured]) -> Iterator[Bar]:
    own = {one.words: one for one in measured[::2]}
    yield at_least("starter, notes of 506 words, F1", own[506].f1, "F1", 0.770)
    yield at_least("starter, notes of 304 words, speed against one long window", own[304].rate, "×", 0.75)


def table(measured: Sequence[Measured]) -> Table:
    made = Table("words of a note", "words of a window", "F1", "words/s", "CPU s", "× longest windows")
    for one in measured:
        figures = (f"{one.f1:.3f}", f"{one.words_a_second:,.0f}", f"{one.cpu_seconds:.2f}", f"{one.rate:.2f}")
        made.add_row(str(one.words), str(one.window_words), *figures)
    return made


if __name__ == "__main__":
    typer.run(main)
