from __future__ import annotations

from itertools import pairwise

import pytest

from training.pace import Pace
from training.tune import TuningProgress

STEPS, EVALUATIONS = 100, {60, 80, 100}


class Worked:
    """A tuning by the clock: a step takes 2 seconds, an evaluation 10, and reading a character 0.01."""

    def __init__(self, step_seconds=2.0):
        self.now = 0.0
        self.step_seconds = step_seconds
        self.pace = Pace(lambda: self.now)
        self.pace.read(1000, 10.0)
        self.pace.begin(validation=1000, choices=500, judging=2000)

    def step(self, step, steps=STEPS):
        due = {at for at in EVALUATIONS if at <= steps}
        self.now += self.step_seconds + (10 if step in due else 0)
        self.pace.stepped(TuningProgress(step, steps, 1.0, 0.0, sum(at > step for at in due)))


def test_the_time_left_is_absent_until_some_steps_are_timed_and_then_right_and_falls_to_what_the_judgement_takes():
    work = Worked()
    left = []
    for step in range(1, STEPS + 1):
        work.step(step)
        left.append(work.pace.left)
    assert left[:19] == [None] * 19
    assert left[19] == pytest.approx(80 * 2 + 3 * 10 + 5 + 20)
    assert left[-1] == pytest.approx(5 + 20)
    assert all(0 <= later < earlier for earlier, later in pairwise(left[19:]))


def test_the_first_evaluation_is_expected_to_take_what_its_texts_take_and_the_others_what_it_took():
    work = Worked()
    for step in range(1, 60):
        work.step(step)
    work.now += 30  # it takes longer than expected
    work.step(60)
    assert work.pace.left == pytest.approx(40 * 2 + 2 * 40 + 5 + 20)


def test_once_the_pace_is_known_the_share_that_is_done_only_grows_to_the_choice_of_the_windows():
    work = Worked()
    shares = []
    for step in range(1, STEPS + 1):
        if step == 60:
            for done in (0.25, 0.5, 0.75):
                work.now += 2.5
                work.pace.evaluating(done)
                shares.append(work.pace.share)
            work.now -= 7.5
        work.step(step)
        shares.append(work.pace.share)
    work.pace.end()
    shares = [*shares[20:], work.pace.share]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(230 / 235)


def test_a_tuning_that_ends_early_leaves_the_choice_of_the_windows_and_the_judgement():
    work = Worked()
    for step in range(1, 81):
        work.step(step)
    work.pace.end()
    assert work.pace.left == pytest.approx(5 + 20)


def test_a_machine_that_becomes_busier_is_noticed():
    work = Worked()
    for step in range(1, 41):
        work.step(step, 1000)
    before = work.pace.left
    work.step_seconds = 4.0
    for step in range(41, 161):
        work.step(step, 1000)
    assert work.pace.left > before


def test_a_resumed_tuning_begins_at_nothing_and_its_share_grows_with_every_step():
    work = Worked()
    shares = []
    for step in range(51, STEPS + 1):
        work.step(step)
        shares.append(work.pace.share)
    assert shares[0] == 1 / 50
    assert shares[20:] == sorted(shares[20:])
    assert shares[-1] > 0.9


def test_a_time_budget_leaves_the_steps_for_which_it_has_time_beside_the_evaluations_and_the_judgement():
    work = Worked()
    for step in range(1, 21):
        work.step(step)
    assert work.pace.steps(3 * 10 + 5 + 20 + 40 * 2.0) == 60
    assert work.pace.steps(work.pace.left) == STEPS
    assert work.pace.steps(-100) < 20


def test_of_several_tunings_the_time_left_counts_those_to_come_and_a_budget_is_shared_by_them():
    work = Worked()
    work.pace.begin(validation=0, choices=500, judging=2000)
    for more in (2, 1, 0):
        work.now += 7  # a model is loaded
        work.pace.tuning(more)
        for step in range(1, STEPS + 1):
            work.now += 2
            work.pace.stepped(TuningProgress(step, STEPS, 1.0, -1.0, 0))
            if (more, step) == (2, 40):
                assert work.pace.left == pytest.approx(260 * 2 + 5 + 20)
                assert work.pace.steps(work.pace.left) == STEPS
                assert work.pace.steps(110 * 2 + 5 + 20) == 50
        assert work.pace.left == pytest.approx(more * STEPS * 2 + 5 + 20)


def test_what_models_read_between_several_tunings_counts_for_the_time_left_and_for_the_steps_of_a_budget():
    work = Worked()
    work.pace.begin(validation=0, choices=900, judging=2000)  # 300 after each tuning
    for more in (2, 1, 0):
        work.pace.tuning(more)
        for step in range(1, STEPS + 1):
            work.now += 2
            work.pace.stepped(TuningProgress(step, STEPS, 1.0, -1.0, 0))
            if (more, step) == (2, 40):
                assert work.pace.steps(9 + 20 + 260 * 2) == STEPS
        work.pace.end()
        assert work.pace.left == pytest.approx(more * STEPS * 2 + (more + 1) * 3 + 20)
        assert work.pace.portion(300) == pytest.approx(3 / (more * STEPS * 2 + (more + 1) * 3))
        work.now += 3
        work.pace.choices -= 300
        assert work.pace.left == pytest.approx(more * STEPS * 2 + more * 3 + 20)


def test_a_curve_takes_for_each_of_its_steps_as_long_as_the_tuning_with_all_that_it_reads():
    work = Worked()
    assert work.pace.curve is None
    work.pace.curve_steps = 150
    for step in range(1, STEPS + 1):
        work.step(step)
    work.pace.end()
    curve = 150 / STEPS * (STEPS * 2 + 3 * 10 + 5)
    assert work.pace.curve == pytest.approx(curve)
    assert work.pace.left == pytest.approx(5 + 20 + curve)


def test_before_the_pace_is_known_each_of_several_tunings_fills_its_part_of_the_share():
    work = Worked()
    shares = []
    for more in (1, 0):
        work.pace.tuning(more)
        for step in range(1, 5):
            work.now += 2
            work.pace.stepped(TuningProgress(step, 4, 1.0, -1.0, 0))
            shares.append(work.pace.share)
    assert shares == [place / 8 for place in range(1, 9)]
