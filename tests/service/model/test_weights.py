"""Base models whose weights are a pickle: refused, or converted without running anything in it."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from service.backend.local.settings import MachineSettings
from service.model import weights
from service.model.errors import ModelError
from service.model.model import Model
from training.settings import TrainingSettings

TEXT, LABELS = "Alice met Bob in Paris", ["person"]


class Hostile:
    """Creates a file when it is unpickled by a reader that runs what a pickle says."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(weights.constants, "HF_HOME", str(tmp_path / "huggingface"))
    return tmp_path / "huggingface" / "spanloop"


@pytest.fixture
def pickled(tmp_path, model_folder):
    """The tiny model with its weights as a pickle alone."""
    folder = tmp_path / "pickled"
    shutil.copytree(model_folder, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder


@pytest.fixture
def hostile(pickled, tmp_path):
    """The same with a pickle that creates a file, and that file."""
    canary = tmp_path / "canary"
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Hostile(canary)}))
    return pickled, canary


def test_a_pickle_is_refused_and_the_error_says_what_to_do(pickled):
    with pytest.raises(ModelError, match=r"A pickle \(pytorch_model.bin\) is not read.*SPANLOOP_CONVERT_PICKLE"):
        Model.load(str(pickled), "cpu")


def test_a_pickle_that_is_allowed_is_converted_once_and_finds_the_same(pickled, shared_model, cache, service_log):
    model = Model.load(str(pickled), "cpu", convert_pickle=True)
    assert model.extract([TEXT], LABELS, 0.5) == shared_model.extract([TEXT], LABELS, 0.5)
    assert [line for line in service_log if "converted once" in line]
    (converted,) = cache.iterdir()
    before = (converted / "model.safetensors").stat()
    service_log.clear()
    Model.load(str(pickled), "cpu", convert_pickle=True)
    assert [*cache.iterdir()] == [converted]
    assert (converted / "model.safetensors").stat().st_ino == before.st_ino
    assert not [line for line in service_log if "converted" in line]
    assert not [*cache.rglob("*.bin")]


def test_another_pickle_in_the_same_place_is_converted_anew(pickled, cache):
    Model.load(str(pickled), "cpu", convert_pickle=True)
    tensors = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    torch.save({name: tensor * 2 for name, tensor in tensors.items()}, pickled / "pytorch_model.bin")
    Model.load(str(pickled), "cpu", convert_pickle=True)
    assert len([*cache.iterdir()]) == 2


@pytest.mark.parametrize("convert_pickle", [False, True])
def test_nothing_in_a_hostile_pickle_is_run(hostile, convert_pickle, cache):
    folder, canary = hostile
    with pytest.raises(ModelError, match="was not loaded"):
        Model.load(str(folder), "cpu", convert_pickle=convert_pickle)
    assert not canary.exists()
    assert not cache.exists() or not [*cache.iterdir()]
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert canary.exists(), "the pickle is hostile to a reader that runs it"


def test_a_hostile_pickle_beside_safetensors_is_not_read(hostile, model_folder):
    folder, canary = hostile
    shutil.copy(model_folder / "model.safetensors", folder)
    assert Model.load(str(folder), "cpu", convert_pickle=True).extract([TEXT], LABELS, 0.5)[0].spans
    assert not canary.exists()


def test_a_pickle_of_something_else_than_tensors_is_refused(pickled):
    for content in ({"weight": "text"}, [1, 2]):
        torch.save(content, pickled / "pytorch_model.bin")
        with pytest.raises(ModelError, match="holds something else than tensors"):
            Model.load(str(pickled), "cpu", convert_pickle=True)


class Hub:
    """Answers as the hub for one model, whose files are in a directory."""

    def __init__(self, files, snapshot):
        self.files, self.snapshot = files, snapshot
        self.downloaded = []

    def download(self, source, ignore_patterns=(), allow_patterns=("*",)):
        for file in self.files.iterdir():
            if any(file.match(one) for one in allow_patterns) and not any(file.match(one) for one in ignore_patterns):
                self.snapshot.mkdir(exist_ok=True)
                shutil.copy(file, self.snapshot)
                self.downloaded.append(file.name)
        return str(self.snapshot)


@pytest.fixture
def hub(pickled, tmp_path, monkeypatch):
    one = Hub(pickled, tmp_path / "snapshot")
    monkeypatch.setattr(weights, "snapshot_download", one.download)
    return one


def test_a_pickle_on_the_hub_is_not_even_downloaded(hub):
    with pytest.raises(ModelError, match=r"'somebody/gliner' was not loaded: .* has no model.safetensors"):
        Model.load("somebody/gliner", "cpu")
    assert "gliner_config.json" in hub.downloaded
    assert "pytorch_model.bin" not in hub.downloaded


def test_a_pickle_on_the_hub_is_converted_where_that_is_allowed(hub, shared_model):
    model = Model.load("somebody/gliner", "cpu", convert_pickle=True)
    assert model.extract([TEXT], LABELS, 0.5) == shared_model.extract([TEXT], LABELS, 0.5)


@pytest.mark.parametrize("kind", [MachineSettings, TrainingSettings])
def test_pickles_are_refused_unless_a_setting_allows_them(kind, monkeypatch):
    assert kind().convert_pickle is False
    monkeypatch.setenv("SPANLOOP_CONVERT_PICKLE", "true")
    assert kind().convert_pickle is True
