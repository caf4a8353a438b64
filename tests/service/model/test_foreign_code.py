"""Nothing that lies in a model's directory is run when the model is loaded."""

from __future__ import annotations

import json
import shutil

import pytest

from service.model.errors import ModelError
from service.model.model import Model
from tests.support.tripwire import Tripwire


@pytest.fixture
def tripwire(tmp_path):
    return Tripwire(tmp_path / "tripped")


@pytest.fixture
def model(model_folder, tmp_path, tripwire):
    """A copy of the tiny model, with a program beside its weights."""
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    (folder / "own.py").write_text(f"{tripwire.program}from transformers import BertConfig, BertModel, BertTokenizer\n")
    return folder


def change(file, **changes):
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, **changes}))


def encoder_of(model):
    return json.loads((model / "gliner_config.json").read_text())["encoder_config"]


def test_a_program_that_the_encoders_config_names_is_not_run_and_the_model_is_refused(model, tripwire):
    """GLiNER loads encoders with `trust_remote_code=True`."""
    own = {"auto_map": {"AutoModel": "own.BertModel"}, "_name_or_path": str(model)}
    change(model / "gliner_config.json", encoder_config={**encoder_of(model), **own})
    with pytest.raises(ModelError, match=r"was not loaded.*names the program own\.py.*Nothing of it was run"):
        Model.load(str(model))
    assert not tripwire.tripped


def test_a_program_that_another_repository_has_is_not_fetched(model, tripwire):
    own = {"auto_map": {"AutoModel": "somebody/elses--own.BertModel"}, "_name_or_path": str(model)}
    change(model / "gliner_config.json", encoder_config={**encoder_of(model), **own})
    with pytest.raises(ModelError, match=r"own\.py of somebody/elses"):
        Model.load(str(model))


def test_a_program_that_the_config_of_the_second_encoder_names_is_not_run(model, tripwire):
    own = {"auto_map": {"AutoModel": "own.BertModel"}, "_name_or_path": str(model)}
    change(model / "gliner_config.json", labels_encoder=str(model), labels_encoder_config={**encoder_of(model), **own})
    with pytest.raises(ModelError):
        Model.load(str(model))
    assert not tripwire.tripped


def test_a_program_that_the_tokenizers_config_names_is_not_run(model, tripwire):
    change(
        model / "tokenizer_config.json",
        tokenizer_class="OwnTokenizer",
        auto_map={"AutoTokenizer": ["own.BertTokenizer", "own.BertTokenizer"]},
    )
    with pytest.raises(ModelError):
        Model.load(str(model))
    assert not tripwire.tripped


def test_a_program_that_the_encoders_own_directory_names_is_not_run(model, tripwire):
    """Without a config of the encoder GLiNER reads the directory or repository that `model_name` names."""
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.BertConfig", "AutoModel": "own.BertModel"}}
    (model / "config.json").write_text(json.dumps({**encoder_of(model), **own}))
    change(model / "gliner_config.json", model_name=str(model), encoder_config=None)
    with pytest.raises(ModelError):
        Model.load(str(model))
    assert not tripwire.tripped


def test_pickled_weights_are_read_as_tensors_alone(model, tripwire):
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(tripwire.pickled)
    with pytest.raises(ModelError):
        Model.load(str(model))
    assert not tripwire.tripped


def test_what_other_programs_would_unpickle_is_left_alone(model, tripwire):
    """custom_objects.pkl is BentoML's, saved_model.pkl is scikit-learn's there, training_args.bin transformers'."""
    for name in ("custom_objects.pkl", "saved_model.pkl", "training_args.bin", "pytorch_model.bin"):
        (model / name).write_bytes(tripwire.pickled)
    loaded = Model.load(str(model))
    assert loaded.extract(["Alice works at Acme"], ["person"], 0.5)[0].spans
    assert not tripwire.tripped
