"""The spans that one of two models has right and the other one wrong."""

from __future__ import annotations

import pytest

from tests.support.sheets import sheet
from training.judge.evidence import Facts
from training.judge.rules import Rules
from training.judge.verdict import judge
from training.report.flips import flips
from training.report.flips import told as sentence

WANTED = [((0, 5, "Drug"), (10, 15, "Drug"), (20, 25, "Organ"), (30, 35, "Drug")), ()]


def told(before, after):
    made = flips(sheet(WANTED, base=[(), ()], champion=before, new=after))
    return [(flip.document, flip.span, flip.before, flip.after, flip.is_gain) for flip in made]


def test_a_flip_names_the_task_the_span_and_what_each_version_makes_of_it():
    before = [((0, 5, "Drug"), (10, 15, "Drug"), (20, 24, "Organ")), ((3, 7, "Organ"),)]
    after = [((0, 5, "Organ"), (20, 25, "Organ"), (30, 35, "Drug"), (50, 55, "Drug")), ()]
    assert told(before, after) == [
        (0, (0, 5, "Drug"), "right", "labelled Organ", False),
        (0, (10, 15, "Drug"), "right", "missed", False),
        (0, (20, 25, "Organ"), "other boundaries, 20–24", "right", True),
        (0, (30, 35, "Drug"), "missed", "right", True),
        (0, (50, 55, "Drug"), "nothing found", "found, not annotated", False),
        (1, (3, 7, "Organ"), "found, not annotated", "nothing found", True),
    ]


def test_spans_that_both_have_right_or_wrong_are_no_flips():
    same = [((0, 5, "Drug"), (10, 14, "Drug"), (50, 55, "Drug")), ()]
    assert told(same, same) == []
    other = [((0, 5, "Drug"), (20, 26, "Organ"), (50, 55, "Drug")), ()]
    assert told(same, other) == []


def test_a_span_that_both_find_is_no_flip_though_only_one_finds_it_instead_of_an_annotated_one():
    """The new version finds more of the annotated span, so what both find is paired with it for the live one alone."""
    before, after = ((0, 3, "Drug"),), ((0, 3, "Drug"), (1, 5, "Drug"))
    assert told([before, ()], [after, ()]) == []


def test_texts_that_the_live_version_has_learnt_from_have_no_flips():
    assert told([None, ()], [WANTED[0], ((3, 7, "Organ"),)]) == [
        (1, (3, 7, "Organ"), "nothing found", "found, not annotated", False)
    ]


@pytest.mark.parametrize(
    ("champion", "versions", "other"),
    [
        ([((0, 5, "Drug"),), ()], {"base": "tiny", "champion": "v1"}, "live version"),
        (None, {"base": "tiny"}, "live version"),
        (None, {"base": "tiny", "champion": "v1"}, "base model"),
    ],
)
def test_a_sentence_tells_how_many_spans_are_fixed_and_how_many_are_broken(champion, versions, other):
    """A live version that has learnt from too many of the texts is not compared span by span."""
    before, after = [((0, 5, "Drug"),), ()], [((10, 15, "Drug"), (20, 25, "Organ")), ((3, 7, "Organ"),)]
    answers = {"base": before, "new": after} | ({"champion": champion} if champion else {})
    made = sheet(WANTED, **answers)
    verdict = judge(made, Facts(on="held_out", told="the held-out tasks", versions=versions, tries=1), Rules())
    assert sentence(made, verdict) == f"Against the {other} it fixes 2 spans and breaks 2."
