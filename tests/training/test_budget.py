from __future__ import annotations

import pytest

from training.budget import FEWEST_STEPS, FILE, LAST_STEPS, Budget

PLANNED = 400


@pytest.fixture
def budget(tmp_path):
    return lambda identity="these", planned=PLANNED: Budget(10, planned, tmp_path, identity)


def test_nothing_is_decided_before_it_is_known_how_long_a_step_takes(budget):
    assert (budget().steps, budget().notes) == (None, [])


def test_as_many_steps_as_there_is_time_for_are_decided_and_told(budget):
    one = budget()
    one.decide(possible=120, step=20)
    assert one.steps == 120
    assert one.notes == ["Because of the time budget of 10 minutes the tuning had 120 of 400 steps."]


def test_a_budget_that_suffices_for_all_steps_changes_and_tells_nothing(budget):
    one = budget()
    one.decide(possible=900, step=20)
    assert (one.steps, one.notes) == (PLANNED, [])


@pytest.mark.parametrize(("step", "least"), [(20, FEWEST_STEPS), (90, 90 + LAST_STEPS)])
def test_the_note_says_so_if_the_least_number_of_steps_takes_longer_than_the_budget(budget, step, least):
    one = budget()
    one.decide(possible=-7, step=step)
    assert one.steps == least
    told = " ".join(one.notes)
    assert f"the tuning had {least} of 400 steps" in told
    assert f"With at least {least} steps the run takes longer than the time budget of 10 minutes" in told


def test_the_note_says_so_if_even_the_few_steps_of_the_recipe_take_longer_than_the_budget(budget):
    one = budget(planned=30)
    one.decide(possible=12, step=20)
    assert one.steps == 30
    (told,) = one.notes
    assert "With at least 30 steps the run takes longer" in told


def test_what_was_decided_holds_after_a_restart_of_the_same_run_alone(budget, tmp_path):
    budget().decide(possible=7, step=20)
    assert budget().steps == FEWEST_STEPS
    assert len(budget().notes) == 2
    assert budget("others").steps is None
    (tmp_path / FILE).write_text("no JSON", encoding="utf-8")
    assert budget().steps is None
