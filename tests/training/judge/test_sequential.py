from __future__ import annotations

import pytest

from service.versions.judgement import Decision, Judgement
from training.judge.sequential import level, tries

JUDGED = Judgement(
    decision=Decision.HOLD,
    difference=0,
    low=0,
    high=0,
    probability=0.5,
    needed=0.95,
    tries=1,
    texts=40,
    spans=60,
    deviation=0.03,
)


def test_all_tries_together_spend_at_most_the_risk():
    spent = [level(number, 0.1) for number in range(1, 10_000)]
    assert sum(spent) == pytest.approx(0.1, abs=1e-4)
    assert sum(spent) < 0.1
    assert spent[0] == 0.05


def test_tries_are_the_versions_that_were_judged_against_the_same_champion(lineage):
    shelf = [lineage("v3", champion="v1"), lineage("v2", champion="v1"), lineage("v1", champion="tiny")]
    assert tries(shelf, "v1", "v4") == 3
    assert tries(shelf, "v1", "v3") == 2, "a version that is judged again is no further try"
    assert tries(shelf, "v2", "v4") == 1


def test_versions_that_were_deleted_still_count(lineage):
    left = [lineage("v9", champion="v1", verdict=JUDGED.model_copy(update={"tries": 7}))]
    assert tries(left, "v1", "v10") == 8
