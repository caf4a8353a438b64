"""Two processes tune together as one does; one that dies ends the tuning, and a restart goes on."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import threading
import time
from dataclasses import replace

import pytest
import torch

from service.model.model import Model
from service.model.spans import Span
from tests.support import tiny
from training import replay
from training.dataset import Document
from training.learn import Learning
from training.listener import Listener
from training.ranks import RankLost, how_many
from training.settings import TrainingSettings
from training.tune import CHECKPOINT, Diverged, Stopped

LABELS = ("city", "company", "person")
STEPS = 24


@pytest.fixture(scope="module")
def plain_folder(model_folder, tmp_path_factory):
    """The tiny model without dropout, which draws other units in each process."""
    folder = tmp_path_factory.mktemp("plain") / "tiny"
    shutil.copytree(model_folder, folder)
    config = json.loads((folder / "gliner_config.json").read_text())
    config["dropout"] = 0.0
    config["encoder_config"] |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "gliner_config.json").write_text(json.dumps(config))
    return folder


def documents(count, seed=3):
    """Sentences in which companies are marked as people: the tiny model has something to learn."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        words, named = tiny.sentence(rng)
        starts = [len(" ".join([*words[:at], ""])) for at in range(len(words))]
        spans = [
            Span(starts[first], starts[last] + len(words[last]), "person", 1.0)
            for first, last, label in named
            if label == "company"
        ]
        made.append(Document(" ".join(words), LABELS, tuple(spans), task=number))
    return made


class Heard(Listener):
    """What a tuning tells of its steps."""

    def __init__(self, then=lambda step: None):
        self.losses = []
        self.then = then

    def stepped(self, progress):
        self.losses.append(progress.loss)
        self.then(progress.step)


def tuned(folder, home, processes, heard=None, **more):
    """What a tuning by so many processes leaves: the weights, and what it told."""
    heard = heard or Heard()
    facts = {"steps": STEPS, "batch_size": 8, "head_rate": 1e-3, "encoder_rate": 1e-3}
    rates = {name: more.pop(name) for name in facts if name in more}
    settings = TrainingSettings(model=str(folder), home=home, tuning_processes=processes, **{**facts, **rates})
    learning = Learning(settings, Model.load(str(folder)), documents(30))
    learning.recipe = replace(
        learning.recipe, bf16=False, patience=STEPS
    )  # in bf16 the sums depend on the batch's shape
    replayed = replay.questions([d.text for d in documents(20, seed=9)], LABELS, 100, 0)
    home.mkdir(exist_ok=True)
    learning.tune(replayed, documents(10, seed=5), listener=heard, folder=home, **more)
    assert multiprocessing.active_children() == []
    assert not torch.distributed.is_initialized()
    return learning.model.gliner.model.state_dict(), heard.losses


def assert_alike(one, other):
    for name, tensor in one.items():
        if name.endswith("key.bias"):
            continue  # its gradient is 0 but for rounding, which Adam enlarges
        torch.testing.assert_close(tensor, other[name], rtol=1e-3, atol=1e-4, msg=lambda text, name=name: name + text)


@pytest.fixture(scope="module")
def alone(plain_folder, tmp_path_factory):
    return tuned(plain_folder, tmp_path_factory.mktemp("alone"), 1)


def test_two_processes_learn_what_one_learns(plain_folder, tmp_path, alone):
    weights, losses = tuned(plain_folder, tmp_path, 2)
    assert losses == pytest.approx(alone[1], rel=1e-3)
    assert losses[-1] < losses[0]
    assert_alike(weights, alone[0])


def test_a_process_that_is_killed_ends_the_tuning_and_a_restart_goes_on_with_all(plain_folder, tmp_path, alone):
    def kill(step):
        if step == 18:
            (other,) = multiprocessing.active_children()
            other.kill()

    heard = Heard(kill)
    with pytest.raises(RankLost, match=r"has died .*Nothing was published. A restart of the run goes on"):
        tuned(plain_folder, tmp_path, 2, heard)
    assert multiprocessing.active_children() == []
    assert len(heard.losses) == 18
    assert (tmp_path / CHECKPOINT).exists()
    weights, losses = tuned(plain_folder, tmp_path, 2)
    assert 0 < len(losses) < STEPS, "the restart goes on from the checkpoint"
    assert_alike(weights, alone[0])


def test_a_process_that_dies_before_all_have_met_ends_the_tuning(plain_folder, tmp_path):
    def kill():
        deadline = time.monotonic() + 60
        while not multiprocessing.active_children():
            assert time.monotonic() < deadline, "no other process was started"
            time.sleep(0.01)
        multiprocessing.active_children()[0].kill()

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(RankLost, match="SIGKILL"):
        tuned(plain_folder, tmp_path, 2)
    killing.join()
    assert multiprocessing.active_children() == []


def test_a_tuning_that_is_stopped_goes_on_with_another_number_of_processes(plain_folder, tmp_path, alone):
    heard = Heard()
    with pytest.raises(Stopped, match="stopped after step 7 of"):
        tuned(plain_folder, tmp_path, 2, heard, stopping=lambda: len(heard.losses) == 7)
    assert multiprocessing.active_children() == []
    weights, losses = tuned(plain_folder, tmp_path, 1)
    assert len(losses) == STEPS - 7
    assert_alike(weights, alone[0])


def test_a_loss_that_is_not_finite_ends_the_tuning_as_it_does_with_one_process(plain_folder, tmp_path):
    with pytest.raises(Diverged, match="smaller learning rate"):
        tuned(plain_folder, tmp_path, 2, head_rate=1e30, encoder_rate=1e30)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("wanted", "device", "gpus", "count"),
    [(0, "cpu", 0, 1), (2, "cpu", 0, 2), (0, "cuda", 4, 4), (2, "cuda", 4, 2), (3, "cuda", 1, 1), (2, "cuda:1", 1, 1)],
)
def test_each_process_has_a_gpu_of_its_own_where_there_are_any(wanted, device, gpus, count):
    assert how_many(wanted, torch.device(device), gpus) == count


def test_there_are_no_more_processes_than_new_examples_in_a_batch(plain_folder, tmp_path):
    settings = TrainingSettings(model=str(plain_folder), home=tmp_path, tuning_processes=100, batch_size=4)
    assert Learning(settings, Model.load(str(plain_folder)), documents(5))._processes == 2
