from __future__ import annotations

import math
import random
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from service.model.model import Model
from service.model.spans import Span
from tests.support.networks import random_gliner
from tests.support.samples import counted
from training import checkpoint
from training.batches import Shuffled, alike
from training.dataset import Document, Example, build
from training.masking import mask
from training.recipe import Recipe
from training.tune import Diverged, Stopped, Tuning

RECIPE = Recipe(steps=9, batch_size=6, encoder_rate=1e-3, head_rate=1e-3, evaluations=3, patience=3, seed=5)
KINDS = ("city", "company", "person")


@pytest.fixture(scope="module")
def examples():
    from tests.support import tiny

    rng = random.Random(4)
    found = []
    for _ in range(30):
        words, spans = tiny.sentence(rng)
        found.append(Example(words, KINDS, spans, len(words)))
    return found


def weights(model):
    return {name: tensor.clone() for name, tensor in model.gliner.model.state_dict().items()}


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def tuned(base, examples, recipe=RECIPE, **more):
    before = Model.load(str(base))
    model = before.twin()
    state = Tuning(model, recipe, base=before.gliner.model, **more).run(examples[:20], examples[20:])
    return weights(model), state


def by_step(scores):
    """An evaluation that gives the scores in turn, whatever the model."""
    left = iter(scores)
    return lambda model: next(left)


def test_tuning_changes_the_weights_and_the_same_seed_gives_the_same(model_folder, examples):
    before = weights(Model.load(str(model_folder)))
    one, state = tuned(model_folder, examples)
    assert state.step == RECIPE.steps
    assert not equal(one, before)
    assert equal(one, tuned(model_folder, examples)[0])
    assert not equal(one, tuned(model_folder, examples, replace(RECIPE, seed=6))[0])


@pytest.mark.parametrize("after", [1, 4, 8])
def test_stopped_after_any_step_and_resumed_the_weights_are_those_of_an_uninterrupted_tuning(
    model_folder, examples, tmp_path, after
):
    scores = {6: 0.5, 8: 0.4, 9: 0.3}

    def watched():
        seen = []
        return (lambda progress: seen.append(progress.step)), (lambda model: scores[seen[-1] + 1]), seen

    report, evaluate, seen = watched()
    whole, _ = tuned(model_folder, examples, report=report, evaluate=evaluate)
    report, evaluate, seen = watched()
    with pytest.raises(Stopped, match=f"after step {after} of 9"):
        tuned(
            model_folder,
            examples,
            folder=tmp_path,
            report=report,
            evaluate=evaluate,
            stopping=lambda: len(seen) == after,
        )
    assert seen == list(range(1, after + 1))
    resumed, state = tuned(model_folder, examples, folder=tmp_path, report=report, evaluate=evaluate)
    assert seen == list(range(1, RECIPE.steps + 1))
    assert (state.best, state.best_step) == (0.5, 6)
    assert equal(resumed, whole)


def test_a_tuning_killed_between_checkpoints_goes_on_from_the_last_and_ends_the_same(model_folder, examples, tmp_path):
    class Killed(BaseException):
        pass

    recipe = replace(RECIPE, checkpoint_seconds=0.0)
    whole, _ = tuned(model_folder, examples, recipe)

    def kill(progress):
        if progress.step == 5:
            raise Killed

    with pytest.raises(Killed):
        tuned(model_folder, examples, recipe, folder=tmp_path, report=kill)
    steps = []
    resumed, _ = tuned(model_folder, examples, recipe, folder=tmp_path, report=lambda p: steps.append(p.step))
    assert 1 < steps[0] <= 6
    assert equal(resumed, whole)


def decided_after(steps, end):
    """The answer to when a time budget ends the tuning, decided after some steps."""
    asked = iter([None] * steps)
    return lambda: next(asked, end)


def test_a_time_budget_gives_fewer_steps_and_the_rates_follow_them(model_folder, examples):
    model, recipe, seen = Model.load(str(model_folder)), replace(RECIPE, steps=400, decay=0.9), []
    tuning = Tuning(model, recipe, report=seen.append, last_step=decided_after(6, 60), evaluate=lambda model: 0.5)
    state = tuning.run(examples[:20], [])
    assert (state.step, tuning.recipe.steps) == (60, 60)
    assert [progress.steps for progress in seen] == [400] * 6 + [60] * 54
    assert [progress.evaluations_left for progress in seen] == [3] * 39 + [2] * 10 + [1] * 10 + [0]
    rates = [group["lr"] / group["peak"] for group in tuning.optimizer.param_groups]
    assert all(0 < rate < 0.01 for rate in rates)


def test_a_time_budget_gives_no_more_steps_than_the_recipe(model_folder, examples):
    assert tuned(model_folder, examples, replace(RECIPE, steps=20), last_step=decided_after(6, 30))[1].step == 20


def test_a_shortened_tuning_that_was_resumed_has_the_weights_of_an_uninterrupted_one(model_folder, examples, tmp_path):
    recipe = replace(RECIPE, steps=100)
    whole, _ = tuned(model_folder, examples, recipe, last_step=decided_after(6, 60))
    stop = iter([False] * 30 + [True])
    more = {"folder": tmp_path, "last_step": decided_after(6, 60), "stopping": lambda: next(stop)}
    with pytest.raises(Stopped, match="after step 30 of 60"):
        tuned(model_folder, examples, recipe, **more)
    resumed, state = tuned(model_folder, examples, recipe, folder=tmp_path, last_step=lambda: 60)
    assert state.step == 60
    assert equal(resumed, whole)


def test_a_shortened_tuning_that_was_finished_is_not_tuned_on_after_a_restart(model_folder, examples, tmp_path):
    recipe, more = replace(RECIPE, steps=100), {"folder": tmp_path, "last_step": lambda: 60}
    whole, _ = tuned(model_folder, examples, recipe, **more)
    seen = []
    again, _ = tuned(model_folder, examples, recipe, report=seen.append, **more)
    assert seen == []
    assert equal(again, whole)


def test_the_model_is_left_with_the_weights_that_did_best(model_folder, examples):
    seen = []

    def evaluate(model):
        seen.append(weights(model))
        return [0.2, 0.7, 0.6][len(seen) - 1]

    kept, state = tuned(model_folder, examples, evaluate=evaluate)
    assert (state.best, state.best_step, len(seen)) == (0.7, 8, 3)
    assert equal(kept, seen[1])
    assert not equal(kept, seen[2])


def test_tuning_ends_early_when_the_score_no_longer_rises(model_folder, examples):
    recipe = replace(RECIPE, steps=20, evaluations=10, patience=2)
    _, state = tuned(model_folder, examples, recipe, evaluate=by_step([0.1, 0.5, 0.4, 0.5, 0.9, 0.9]))
    assert state.step == 14
    assert state.best_step == 12


def test_a_loss_that_is_not_finite_again_and_again_ends_the_tuning_with_advice(model_folder, examples, tmp_path):
    recipe = replace(RECIPE, steps=40, encoder_rate=1e30, head_rate=1e30, clip=1e30)
    with pytest.raises(Diverged, match="SPANLOOP_HEAD_RATE"):
        tuned(model_folder, examples, recipe, folder=tmp_path)


def test_one_loss_that_is_not_finite_changes_no_weight_and_tuning_goes_on(model_folder, examples, monkeypatch):
    before = weights(Model.load(str(model_folder)))
    loss = Tuning._loss
    losses = []

    def bad(self, batch):
        value = loss(self, batch)
        return value * float("nan") if self.state.step == 0 else value

    monkeypatch.setattr(Tuning, "_loss", bad)
    one_step, _ = tuned(model_folder, examples, replace(RECIPE, steps=1))
    assert equal(one_step, before)
    after, state = tuned(model_folder, examples, report=lambda p: losses.append(p.loss))
    assert losses[0] != losses[0]
    assert all(value == value for value in losses[1:])
    assert state.step == RECIPE.steps
    assert not equal(after, before)


def test_tuning_learns(model_folder, examples):
    losses = []
    recipe = replace(RECIPE, steps=40, batch_size=12)
    wrong = [replace(e, spans=[(a, b, KINDS[KINDS.index(k) - 1]) for a, b, k in e.spans]) for e in examples]
    tuned(model_folder, wrong, recipe, report=lambda p: losses.append(p.loss))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_without_anything_to_replay_batches_are_new_examples_only(model_folder, examples):
    model = Model.load(str(model_folder))
    assert Tuning(model, replace(RECIPE, steps=2)).run(examples, []).step == 2


def test_replay_keeps_the_base_models_probabilities_and_the_targets_are_no_spans(model_folder, examples):
    """Replayed examples without spans are no negatives: with them a tuned model stays nearer to the base model."""
    base = Model.load(str(model_folder))
    text, labels = " ".join(examples[0].words), examples[0].labels
    before = {span[:3]: span.score for span in base.extract([text], labels, 0.02)[0].spans}
    assert before
    wrong = [replace(example, spans=[]) for example in examples]  # what is learnt: nothing is anything
    distances = []
    for replayed in ([], [replace(example, spans=[]) for example in examples]):
        model = base.twin()
        Tuning(model, replace(RECIPE, steps=30, average=0.0), base=base.gliner.model).run(wrong, replayed)
        after = {span[:3]: span.score for span in model.extract([text], labels, 0.02)[0].spans}
        distances.append(sum(abs(score - after.get(span, 0.0)) for span, score in before.items()))
    assert distances[1] < 0.7 * distances[0]


def test_the_weights_are_the_average_over_the_steps(model_folder, examples):
    before = weights(Model.load(str(model_folder)))
    last, _ = tuned(model_folder, examples, replace(RECIPE, average=0.0))
    average, _ = tuned(model_folder, examples, replace(RECIPE, average=0.9))

    def moved(after):
        return sum(float((after[name] - before[name]).float().norm()) for name in before)

    assert 0 < moved(average) < moved(last)


def test_progress_is_told_after_every_step(model_folder, examples):
    seen = []
    tuned(model_folder, examples, report=seen.append, evaluate=by_step([0.1, 0.2, 0.3]))
    assert [progress.step for progress in seen] == list(range(1, 10))
    assert {progress.steps for progress in seen} == {9}
    assert [progress.best for progress in seen] == [-1, -1, -1, -1, -1, 0.1, 0.1, 0.2, 0.3]


def test_steps_examples_and_the_last_loss_are_told_to_prometheus(model_folder, examples, grown):
    seen = []
    tuned(model_folder, examples, report=seen.append)
    assert grown("spanloop_training_steps_total") == RECIPE.steps
    assert grown("spanloop_training_examples_total") == RECIPE.steps * RECIPE.batch_size
    assert grown("spanloop_training_step_duration_seconds_count") == RECIPE.steps
    assert counted("spanloop_training_loss") == seen[-1].loss


def test_a_loss_that_is_not_finite_is_told_as_it_is(model_folder, examples, monkeypatch):
    tuned(model_folder, examples, replace(RECIPE, steps=1))
    assert math.isfinite(counted("spanloop_training_loss"))
    loss = Tuning._loss
    monkeypatch.setattr(Tuning, "_loss", lambda self, batch: loss(self, batch) * float("nan"))
    tuned(model_folder, examples, replace(RECIPE, steps=1))
    assert math.isnan(counted("spanloop_training_loss"))


def test_a_disk_that_fills_up_ends_the_tuning_and_keeps_the_checkpoint_before(
    model_folder, examples, tmp_path, monkeypatch
):
    save, saved = checkpoint.save_file, []

    def fills_up(*args):
        if len(saved) == 2:
            raise OSError(28, "No space left on device")
        saved.append(args)
        save(*args)

    monkeypatch.setattr(checkpoint, "save_file", fills_up)
    with pytest.raises(OSError, match="No space left"):
        tuned(model_folder, examples, folder=tmp_path, evaluate=by_step([0.1, 0.2, 0.3]))
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "checkpoint.safetensors").state["step"] == 8
    resumed, _ = tuned(model_folder, examples, folder=tmp_path, evaluate=by_step([0.3]))
    assert equal(resumed, tuned(model_folder, examples, evaluate=by_step([0.1, 0.2, 0.3]))[0])


def test_a_damaged_checkpoint_is_said_and_not_trained_over(model_folder, examples, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"damaged")
    with pytest.raises(RuntimeError, match="delete it to tune from the start"):
        tuned(model_folder, examples, folder=tmp_path)


def test_a_checkpoint_of_another_recipe_is_said_and_not_gone_on_from(model_folder, examples, tmp_path, caplog):
    """A run that diverged is tried again with smaller rates, as its message advises: that is another tuning."""
    stop = iter([False] * 4 + [True])
    with pytest.raises(Stopped):
        tuned(model_folder, examples, folder=tmp_path, stopping=lambda: next(stop))
    other = replace(RECIPE, head_rate=RECIPE.head_rate / 10)
    assert equal(
        tuned(model_folder, examples, other, folder=tmp_path)[0],
        tuned(model_folder, examples, other)[0],
    )
    assert "the checkpoint is of another tuning" in caplog.text


def test_epochs_are_shuffled_complete_and_addressed_by_step(examples):
    shuffled = Shuffled(examples[:10], 4, seed=3)
    first = [id(one) for step in range(5) for one in shuffled.take(step)]
    assert sorted(first[:10]) == sorted(first[10:]) == sorted(map(id, examples[:10]))
    assert first[:10] != first[10:]
    assert [id(one) for one in Shuffled(examples[:10], 4, seed=3).take(4)] == first[16:]
    assert Shuffled([], 0, seed=3).take(0) == []


def test_batches_hold_examples_of_like_length_in_no_order_of_length():
    examples = [Example(["w"] * (1 + 7 * n % 64), KINDS, [], 1) for n in range(64)]
    shuffled = Shuffled(examples, 8, seed=3)
    batches = [[len(example.words) for example in shuffled.take(step)] for step in range(8)]
    assert all(max(batch) - min(batch) == 7 for batch in batches)
    shortest = [min(batch) for batch in batches]
    assert shortest != sorted(shortest)
    again = [[len(example.words) for example in shuffled.take(step)] for step in range(8, 16)]
    assert again != batches


def test_parts_of_like_length_have_together_the_loss_of_the_whole_batch(model_folder, examples):
    tuning = Tuning(Model.load(str(model_folder)), RECIPE)
    tuning.network.eval()
    long = replace(examples[0], words=examples[0].words * 20)
    batch = [*examples[:5], long]
    parts = alike(batch)
    assert len(parts) == 2
    together = sum(tuning._loss(part).item() for part in parts)
    assert together == pytest.approx(tuning._loss(batch).item(), rel=1e-5)


def test_both_encoders_of_a_bi_encoder_learn_at_the_encoders_rate(tmp_path):
    gliner = random_gliner(tmp_path, "bert", bi=True)
    encoder, head = Tuning(Model(gliner), replace(RECIPE, encoder_rate=1e-5, head_rate=1e-3)).optimizer.param_groups
    assert (encoder["peak"], head["peak"]) == (1e-5, 1e-3)
    pretrained = {id(parameter) for parameter in gliner.model.token_rep_layer.labels_encoder.parameters()}
    pretrained |= {id(parameter) for parameter in gliner.model.token_rep_layer.bert_layer.parameters()}
    assert {id(parameter) for parameter in encoder["params"]} == pretrained


def test_a_run_starts_without_the_packages_that_it_has_no_use_for():
    asked = "import sys, training.tune, training.run; print(sorted({'scipy', 'sklearn'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def collated(model, examples):
    return Tuning(model, RECIPE)._collator(
        [{"tokenized_text": e.words, "ner": e.spans, "ner_labels": list(e.labels)} for e in examples]
    )


def test_a_span_that_cannot_be_represented_is_no_negative(fresh_model):
    """200 texts with a dose on `417` of `417mg`, where the model reads words: no candidate of these counts."""
    texts = [f"took {n}mg aspirin in Paris" for n in range(200)]
    documents = [
        Document(
            text,
            ("city", "dose"),
            (Span(5, text.index("mg"), "dose", 1.0), Span(len(text) - 5, len(text), "city", 1.0)),
        )
        for text in texts
    ]
    examples = build(documents, fresh_model).examples
    assert len(examples) == 200
    inputs = collated(fresh_model, examples)
    mask(inputs, examples, fresh_model.max_width)
    counted = inputs["span_mask"].unflatten(1, (-1, fresh_model.max_width))
    for row in range(200):
        assert not any(counted[row, start, end - start] for start in range(2) for end in range(1, 5) if end >= start)
        assert all(counted[row, start, end - start] for start in range(2, 5) for end in range(start, 5))
    labels = inputs["labels"].unflatten(1, (-1, fresh_model.max_width))
    assert bool(labels[:, 4, 0].any(dim=-1).all())  # Paris is learnt


@pytest.mark.parametrize("options", [{}, {"span_mode": "token_level"}], ids=["span", "token"])
def test_masked_words_have_no_part_in_the_loss(tmp_path, options):
    model = Model(random_gliner(tmp_path, "bert", **options))
    tuning = Tuning(model, replace(RECIPE, focal_alpha=-1))
    model.gliner.eval()
    words = ["the", "old", "house", "in", "Paris"]
    plain = Example(words, KINDS, [(4, 4, "city")], 5)
    nothing = Example(words, KINDS, [(4, 4, "city")], 5, masked=((0, 4),))
    some = Example(words, KINDS, [(4, 4, "city")], 5, masked=((1, 1),))
    losses = [tuning._loss([example]).item() for example in (plain, some, nothing)]
    assert losses[0] > losses[1] > losses[2] > 0
