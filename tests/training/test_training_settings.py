from __future__ import annotations

from training.settings import TrainingSettings


def test_a_recipe_follows_the_settings_where_they_are_given():
    recipe = TrainingSettings(steps=7, batch_size=4, encoder_rate=1e-3, head_rate=2e-3, seed=9).recipe(100, 384, False)
    assert (recipe.steps, recipe.batch_size, recipe.encoder_rate, recipe.head_rate, recipe.seed) == (
        7,
        4,
        1e-3,
        2e-3,
        9,
    )


def test_by_default_small_encoders_learn_faster_and_more_examples_longer():
    small, large = TrainingSettings().recipe(100, 384, False), TrainingSettings().recipe(100, 768, False)
    assert small.encoder_rate > large.encoder_rate
    assert small.head_rate > large.head_rate
    assert TrainingSettings().recipe(10, 768, False).steps <= TrainingSettings().recipe(10_000, 768, False).steps


def test_texts_are_copied_from_100_examples_on():
    assert [TrainingSettings().recipe(examples, 384, False).copies for examples in (10, 99, 100, 5_000)] == [
        0,
        0,
        10,
        10,
    ]


def test_a_run_by_hand_and_the_backend_read_the_same_settings(monkeypatch):
    monkeypatch.setenv("SPANLOOP_THRESHOLD", "0.3")
    monkeypatch.setenv("SPANLOOP_STEPS", "12")
    assert TrainingSettings().threshold == 0.3
    assert TrainingSettings().recipe(100, 768, False).steps == 12
