"""What the new version makes of each label's spans, as rows of a table and as a matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from service.model.fates import Fate
from service.versions.verdict import NEW
from training.judge.fates import Tallied, of_model
from training.judge.sheet import Sheet

MOST_LABELS = 12
"""The labels of the matrix: those with the most spans. Of more, the figures would be too small to read."""
NOT_ANNOTATED = "not annotated"
ELSEWHERE = ("other boundaries", "missed")
"""The columns of the matrix behind the labels."""


class Row(NamedTuple):
    """The number of a label's spans by their fate."""

    label: str
    right: int
    relabelled: int
    shifted: int
    missed: int
    added: int
    answers: tuple[tuple[str, int], ...]
    """How often which other label was answered for the same words, the most frequent first."""

    @property
    def annotated(self) -> int:
        """All annotated spans."""
        return self.right + self.relabelled + self.shifted + self.missed


class Matrix(NamedTuple):
    """Counts by what is annotated (rows) and what is answered (columns)."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def rows(sheet: Sheet) -> list[Row]:
    """The rows of all labels, those with the most spans first."""
    tallied = of_model(sheet, NEW)
    answers: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for (wanted, answered), count in tallied.pairs.items():
        answers[wanted].append((answered, count))
    found = [_row(label, tallied, answers[label]) for label in sheet.labels]
    return sorted(found, key=lambda row: (-row.annotated, -row.added, row.label))


def matrix(found: list[Row]) -> Matrix:
    """The matrix of the labels with the most spans."""
    shown = found[:MOST_LABELS]
    labels = tuple(row.label for row in shown)
    counts = [(*(_answered(row, label) for label in labels), row.shifted, row.missed) for row in shown]
    added = (*(row.added for row in shown), 0, 0)
    return Matrix((*labels, NOT_ANNOTATED), (*labels, *ELSEWHERE), (*counts, added))


def _answered(row: Row, label: str) -> int:
    """How many spans of a row were given this label."""
    return row.right if row.label == label else dict(row.answers).get(label, 0)


def _row(label: str, tallied: Tallied, answers: Sequence[tuple[str, int]]) -> Row:
    return Row(
        label,
        right=tallied.labels[Fate.RIGHT][label],
        relabelled=tallied.labels[Fate.RELABELLED][label],
        shifted=tallied.labels[Fate.SHIFTED][label],
        missed=tallied.labels[Fate.MISSED][label],
        added=tallied.labels[Fate.ADDED][label],
        answers=tuple(sorted(answers, key=lambda one: (-one[1], one[0]))),
    )
