"""What the new version makes of each label's spans."""

from __future__ import annotations

from tests.support.sheets import gold, sheet
from training.report.confusion import MOST_LABELS, matrix, rows

WANTED = [((0, 5, "Drug"), (10, 15, "Drug"), (20, 25, "Organ"), (30, 35, "Drug"), (40, 45, "Drug"))]
FOUND = [((0, 5, "Drug"), (10, 15, "Organ"), (30, 34, "Drug"), (50, 55, "Disease"))]


def test_each_span_counts_once_by_what_became_of_it():
    drug, organ, disease = rows(sheet(WANTED, base=FOUND, new=FOUND))
    assert (drug.label, drug.annotated, drug.right, drug.relabelled, drug.shifted, drug.missed) == (
        "Drug",
        4,
        1,
        1,
        1,
        1,
    )
    assert drug.answers == (("Organ", 1),)
    assert (organ.label, organ.annotated, organ.missed) == ("Organ", 1, 1)
    assert (disease.label, disease.annotated, disease.added) == ("Disease", 0, 1)


def test_the_matrix_has_what_is_annotated_in_its_rows_and_what_is_answered_in_its_columns():
    made = matrix(rows(sheet(WANTED, base=FOUND, new=FOUND)))
    assert made.rows == ("Drug", "Organ", "Disease", "not annotated")
    assert made.columns == ("Drug", "Organ", "Disease", "other boundaries", "missed")
    assert made.counts == ((1, 1, 0, 1, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0), (0, 0, 1, 0, 0))


def test_the_matrix_has_the_labels_with_the_most_spans():
    labels = tuple(sorted(f"label {number:02d}" for number in range(2 * MOST_LABELS)))
    wanted = gold(200, labels)
    found = rows(sheet(wanted, labels=labels, base=wanted, new=wanted))
    assert len(found) == len(labels)
    made = matrix(found)
    assert len(made.counts) == MOST_LABELS + 1
    assert sum(made.counts[0]) == max(row.annotated for row in found)
