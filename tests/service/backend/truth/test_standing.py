"""How a version stands by people's work, how sure that is, and when it counts as worse."""

from __future__ import annotations

import random

import pytest

from service.backend.truth.acceptance import CREDIBLE
from service.backend.truth.places import Place
from service.backend.truth.standing import TASKS_MIN, fall, standing
from service.backend.truth.tally import Tally, added
from service.model.fates import Fate


def task(**numbers):
    return {Place("person", Fate(fate)): number for fate, number in numbers.items()}


def tally(*tasks):
    made = Tally()
    for one in tasks:
        made.add(one)
    return made


def test_the_shares_of_a_version_by_the_fates_of_its_spans():
    one = standing("v1", tally(task(right=6, shifted=1, missed=2), task(right=2, relabelled=1, added=2)))
    assert one.tasks == 2
    assert one.acceptance.value == 8 / 12  # predicted: 7 in the first task and 5 in the second
    assert one.f1.value == pytest.approx(2 * 8 / (12 + 12))  # annotated: 9 and 3
    assert one.made == 2 / 12


def test_a_version_all_of_whose_spans_were_kept_is_not_certain_to_be_perfect():
    few, many = (standing("v1", tally(*[task(right=1)] * number)) for number in (2, 200))
    assert few.acceptance.value == few.f1.value == many.acceptance.value == 1.0
    assert few.acceptance.margin > many.acceptance.margin > 0
    assert few.f1.margin > many.f1.margin > 0


@pytest.mark.parametrize("tasks", [[task(missed=3)] * 9, [task()] * 9, [task(right=9)]])
def test_without_predicted_spans_or_with_one_task_no_share_is_told(tasks):
    assert standing("v1", tally(*tasks)).acceptance is None


def test_the_interval_of_f1_is_that_of_the_textbook():
    chance = random.Random(4)
    tasks = [task(right=chance.randrange(9), missed=chance.randrange(5), added=chance.randrange(3)) for _ in "x" * 80]
    of_each = [[one[Place("person", Fate(fate))] for fate in ("right", "missed", "added")] for one in tasks]
    pairs = [(2 * right, 2 * right + missed + added) for right, missed, added in of_each]
    f1 = sum(hit for hit, _ in pairs) / sum(tried for _, tried in pairs)
    residuals = sum((hit - f1 * tried) ** 2 for hit, tried in pairs)
    found = tally(*tasks).f1
    assert found.value == pytest.approx(f1)
    assert found.variance == pytest.approx(80 / 79 * residuals / sum(tried for _, tried in pairs) ** 2)


def test_a_task_that_is_taken_out_leaves_no_trace():
    tasks = [task(right=3, missed=1), task(shifted=2, added=5), task(relabelled=1)]
    changed = tally(*tasks)
    changed.remove(tasks[1])
    left = tally(tasks[0], tasks[2])
    assert (changed.acceptance, changed.f1, changed.tasks) == (left.acceptance, left.f1, left.tasks)
    assert +changed.spans == left.spans


def test_the_tasks_of_several_projects_are_one_sample():
    one, other = [task(right=3, missed=1), task(added=2)], [task(right=1), task(shifted=2)]
    assert added([tally(*one), tally(*other)]) == tally(*one, *other)


def of_task(chance, rate):
    """The spans of a task in which people tend to keep all or nothing."""
    own = chance.betavariate(6 * rate, 6 * (1 - rate))
    kept = [chance.random() < own for _ in range(1 + int(chance.expovariate(1 / 5)))]
    return task(right=sum(kept), added=len(kept) - sum(kept))


def test_nineteen_of_twenty_intervals_hold_the_true_share_though_the_spans_of_a_task_are_alike():
    chance = random.Random(3)
    found = [tally(*(of_task(chance, 0.7) for _ in range(100))).acceptance for _ in range(1000)]
    held = sum(abs(one.value - 0.7) <= one.margin for one in found)
    assert 920 <= held <= 970


def is_proposed(rate, before_rate, chance, tasks):
    """Whether a rollback is proposed after any of so many tasks."""
    before = standing("v1", tally(*(of_task(chance, before_rate) for _ in range(300))))
    live = Tally()
    for _ in range(tasks):
        live.add(of_task(chance, rate))
        if live.tasks >= TASKS_MIN and (fall(standing("v2", live), before) or 0) >= CREDIBLE:
            return True
    return False


def test_a_version_that_is_as_good_is_seldom_proposed_for_rollback_however_often_one_looks():
    chance = random.Random(1)
    assert sum(is_proposed(0.7, 0.7, chance, tasks=500) for _ in range(200)) <= 20


def test_a_version_that_is_worse_is_proposed_within_two_hundred_tasks():
    chance = random.Random(2)
    assert sum(is_proposed(0.55, 0.7, chance, tasks=200) for _ in range(50)) >= 45


def test_few_tasks_are_not_compared():
    kept, removed = task(right=5), task(added=5)
    good, bad = (standing("v", tally(*[one] * TASKS_MIN)) for one in (kept, removed))
    fewer_good, fewer_bad = (standing("v", tally(*[one] * (TASKS_MIN - 1))) for one in (kept, removed))
    assert fall(bad, good) > 0.9999
    assert fall(good, bad) < 0.0001
    assert fall(fewer_bad, good) is None
    assert fall(bad, fewer_good) is None
    assert fall(bad, None) is fall(None, good) is None
