"""Projects of 60 tasks in scripts without blanks, and in decomposed letters: learnt, published, served."""

from __future__ import annotations

import pytest
import torch

from service.model.model import Model
from service.settings import STARTER
from tests.support.toys import LABELS, TOYS, build, documents
from training import publish, replay
from training.judge.scores import score
from training.learn import Learning
from training.settings import TrainingSettings

THRESHOLD = 0.5


@pytest.fixture
def learning(tmp_path, monkeypatch):
    """What a run learns from a toy, with a model that can read it."""
    monkeypatch.setattr(replay, "sentences", lambda part: [])
    torch.set_num_threads(1)  # the model is too small to be divided

    def make(name):
        settings = TrainingSettings(
            home=tmp_path / "home", label_studio_url="http://localhost", steps=200, batch_size=8, head_rate=4e-3,
            encoder_rate=4e-3, threshold=THRESHOLD,
        )  # fmt: skip
        model = Model(build(tmp_path / "encoder", [TOYS[name]]))
        return Learning(settings, model, documents(TOYS[name], 48))

    return make


@pytest.mark.parametrize("name", TOYS)
def test_a_project_of_60_tasks_is_learnt_and_served(learning, name, tmp_path):
    one = learning(name)
    held_out = documents(TOYS[name], 60)[48:]
    assert one.omissions == []
    assert score(one.base, held_out, THRESHOLD).f1 < 0.3
    one.tune([], [])
    publish.save_model(one.model, tmp_path / "version")
    served = Model.load(str(tmp_path / "version"), "cpu")
    served.use("fp32")
    learnt = score(served, held_out, THRESHOLD)
    print(f"{name}: F1 {learnt.f1:.3f} after a run on 48 tasks")
    assert learnt.f1 > 0.7
    text = held_out[0].text
    found = served.extract([text], LABELS, THRESHOLD)[0].spans
    assert all(text[span.start : span.end] == text[span.start : span.end].strip() for span in found)


@pytest.mark.parametrize("name", ["Chinese", "Thai"])
def test_the_starter_says_that_it_cannot_read_them(name):
    starter = Model.load(str(STARTER), "cpu")
    settings = TrainingSettings(label_studio_url="http://localhost")
    one = Learning(settings, starter, documents(TOYS[name], 48))
    assert one.dataset.examples == []
    assert sorted(one.dataset.unlearnable) == ["person", "place"]
