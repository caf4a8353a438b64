"""How a version stands by people's work, how sure that is, and when it counts as worse."""

from __future__ import annotations

import random

import pytest

from service.backend.truth.acceptance import CREDIBLE
from service.backend.truth.ledger import Contribution
from service.backend.truth.outcomes import Place
from service.backend.truth.standing import TASKS_MIN, Share, Standing, fall, share, standings


def contribution(version="v1", **numbers):
    return Contribution(version, tuple((Place("person", outcome), n) for outcome, n in numbers.items()))


def test_the_shares_of_a_version_by_its_outcomes():
    tasks = [
        [contribution(accepted=6, moved=1, missed=2)],
        [contribution(accepted=2, relabelled=1, removed=2)],
        [contribution("v2", accepted=1)],
        [contribution("v2", accepted=1)],
    ]
    found = standings(tasks)
    one = found["v1"]
    assert one.tasks == 2
    assert one.acceptance.value == 8 / 12  # predicted: 7 in the first task and 5 in the second
    assert one.f1.value == pytest.approx(2 * 8 / (12 + 12))  # annotated: 9 and 3
    assert one.made == 2 / 12
    assert found["v2"].acceptance.value == found["v2"].f1.value == 1.0
    assert found["v2"].acceptance.margin > 0


def test_several_peoples_work_on_a_task_is_one_task():
    (one,) = standings([[contribution(accepted=1), contribution(removed=1)], [contribution(accepted=1)]]).values()
    assert (one.tasks, one.acceptance.value) == (2, 2 / 3)


@pytest.mark.parametrize(
    "tasks", [[[contribution(missed=3)]] * 9, [[contribution()]] * 9, [[contribution(accepted=9)]]]
)
def test_without_spans_or_with_one_task_no_share_is_told(tasks):
    (one,) = standings(tasks).values()
    assert one.acceptance is None


def of_task(chance, rate):
    """(kept, predicted) of a task in which people tend to keep all or nothing."""
    predicted = 1 + int(chance.expovariate(1 / 5))
    own = chance.betavariate(6 * rate, 6 * (1 - rate))
    return sum(chance.random() < own for _ in range(predicted)), predicted


def test_nineteen_of_twenty_intervals_hold_the_true_share_though_the_spans_of_a_task_are_alike():
    chance = random.Random(3)
    found = [share([of_task(chance, 0.7) for _ in range(100)]) for _ in range(1000)]
    held = sum(abs(one.value - 0.7) <= one.margin for one in found)
    assert 920 <= held <= 970


def standing(tasks):
    return Standing("v", len(tasks), {}, share(tasks), None)


def proposed(rate, before_rate, chance, tasks=1000):
    """Whether a rollback is proposed at any of so many tasks, each of which is followed by a look."""
    before = standing([of_task(chance, before_rate) for _ in range(300)])
    hits = trials = squares = crossed = tried = 0
    for number in range(1, tasks + 1):
        kept, predicted = of_task(chance, rate)
        hits, trials = hits + kept, trials + predicted
        squares, crossed, tried = squares + kept**2, crossed + kept * predicted, tried + predicted**2
        if number < TASKS_MIN:
            continue
        value, smoothed = hits / trials, (hits + 1) / (trials + 2)
        residuals = squares - 2 * value * crossed + value**2 * tried
        among = number / (number - 1) * residuals / trials**2
        live = Standing("v", number, {}, Share(value, max(among, smoothed * (1 - smoothed) / trials)), None)
        if (fall(live, before) or 0) >= CREDIBLE:
            return True
    return False


def test_a_version_that_is_as_good_is_seldom_proposed_for_rollback_however_often_one_looks():
    chance = random.Random(1)
    assert sum(proposed(0.7, 0.7, chance) for _ in range(200)) <= 20


def test_a_version_that_is_worse_is_proposed_within_some_hundred_tasks():
    chance = random.Random(2)
    assert sum(proposed(0.55, 0.7, chance, tasks=200) for _ in range(100)) >= 90


def test_the_figures_of_the_simulation_are_those_of_the_product():
    chance = random.Random(4)
    tasks = [of_task(chance, 0.7) for _ in range(80)]
    kept, predicted = [one[0] for one in tasks], [one[1] for one in tasks]
    value = sum(kept) / sum(predicted)
    residuals = sum((k - value * p) ** 2 for k, p in tasks)
    assert share(tasks).variance == pytest.approx(80 / 79 * residuals / sum(predicted) ** 2)


def test_few_tasks_are_not_compared():
    good, bad = [(5, 5)] * TASKS_MIN, [(0, 5)] * TASKS_MIN
    assert fall(standing(bad), standing(good)) > 0.9999
    assert fall(standing(good), standing(bad)) < 0.0001
    assert fall(standing(bad[1:]), standing(good)) is None
    assert fall(standing(bad), standing(good[1:])) is None
    assert fall(standing(bad), None) is fall(None, standing(good)) is None
