"""The spans that one of two models has right and the other one wrong."""

from __future__ import annotations

from tests.support.reported import sources
from tests.support.sheets import sheet
from training.report.flips import flips

WANTED = [((0, 5, "Drug"), (10, 15, "Drug"), (20, 25, "Organ"), (30, 35, "Drug")), ()]


def told(before, after):
    made = sources(sheet(WANTED, base=[(), ()], champion=before, new=after))
    return [(flip.place.task, flip.span, flip.before, flip.after, flip.is_gain) for flip in flips(made)]


def test_a_flip_names_the_task_the_span_and_what_each_version_makes_of_it():
    before = [((0, 5, "Drug"), (10, 15, "Drug"), (20, 24, "Organ")), ((3, 7, "Organ"),)]
    after = [((0, 5, "Organ"), (20, 25, "Organ"), (30, 35, "Drug"), (50, 55, "Drug")), ()]
    assert told(before, after) == [
        (1000, (0, 5, "Drug"), "right", "labelled Organ", False),
        (1000, (10, 15, "Drug"), "right", "missed", False),
        (1000, (20, 25, "Organ"), "other boundaries", "right", True),
        (1000, (30, 35, "Drug"), "missed", "right", True),
        (1000, (50, 55, "Drug"), "nothing found", "found, not annotated", False),
        (1001, (3, 7, "Organ"), "found, not annotated", "nothing found", True),
    ]


def test_spans_that_both_have_right_or_wrong_are_no_flips():
    same = [((0, 5, "Drug"), (10, 14, "Drug"), (50, 55, "Drug")), ()]
    assert told(same, same) == []
    other = [((0, 5, "Drug"), (20, 26, "Organ"), (50, 55, "Drug")), ()]
    assert told(same, other) == []


def test_texts_that_the_live_version_has_learnt_from_have_no_flips():
    assert told([None, ()], [WANTED[0], ((3, 7, "Organ"),)]) == [
        (1001, (3, 7, "Organ"), "nothing found", "found, not annotated", False)
    ]
