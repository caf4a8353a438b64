"""How many spans only one of two models has right."""

from __future__ import annotations

from service.versions.verdict import Flipped
from tests.support.sheets import sheet
from training.judge.flips import by_label

WANTED = [((0, 5, "Drug"), (10, 15, "Drug"), (20, 25, "Organ")), ()]


def test_flips_are_counted_by_label_in_texts_that_both_have_read():
    before = [((0, 5, "Drug"), (20, 24, "Organ")), ((3, 7, "Organ"),)]
    after = [((10, 15, "Drug"), (20, 25, "Organ"), (50, 55, "Organ")), ()]
    assert by_label(sheet(WANTED, base=[(), ()], champion=before, new=after)) == {
        "Drug": Flipped(fixed=1, broken=1),
        "Organ": Flipped(fixed=2, broken=1),
    }
    assert by_label(sheet(WANTED, base=[(), ()], champion=[None, before[1]], new=after)) == {"Organ": Flipped(1, 0)}


def test_without_a_live_version_the_base_model_is_compared():
    assert by_label(sheet(WANTED, base=[(), ()], new=WANTED)) == {"Drug": Flipped(2, 0), "Organ": Flipped(1, 0)}
