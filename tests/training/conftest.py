from __future__ import annotations

import signal

import pytest

from tests.support.studio import StudioProject
from tests.support.training_bench import CONFIG, GUARD, TASKS, Bench, annotated
from training import replay


@pytest.fixture
def bench(tmp_path, model_folder, studio, bento_store, monkeypatch):
    few = {"train": ["Alice met Bob", "Acme and Globex", "Carol met Acme"], "guard": GUARD}
    monkeypatch.setattr(replay, "sentences", few.__getitem__)
    monkeypatch.setattr(replay, "broad_labels", lambda: ["person", "city", "company"])
    studio.projects[1] = StudioProject(label_config=CONFIG, export=annotated(TASKS))
    before = signal.getsignal(signal.SIGTERM)
    yield lambda **overrides: Bench(tmp_path, model_folder, studio, **overrides)
    signal.signal(signal.SIGTERM, before)
