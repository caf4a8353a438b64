"""A Bento that a stranger has pushed: nothing of it is run when it is listed, pulled, shown or loaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from service.extractor.loading import load
from service.model.errors import ModelError
from service.settings import ROOT
from service.versions import lineage as lineages
from service.versions.oci import bento_layers
from service.versions.store import BENTO_NAME, MODEL_NAME, UnknownVersion
from tests.support.tripwire import Tripwire


@pytest.fixture
def tripwire(tmp_path):
    return Tripwire(tmp_path / "tripped")


@pytest.fixture
def pushed(bentos, open_registry, store, put, model_folder, tripwire, monkeypatch):
    """A repository with version "v1", every file of which is one that some program would run."""
    put(store, "v1", code=tripwire.program)
    bento, model = store.home / "bentos" / BENTO_NAME / "v1", store.home / "models" / MODEL_NAME / "v1"
    shutil.copytree(model_folder, model, dirs_exist_ok=True)
    config = json.loads((model / "gliner_config.json").read_text())
    # In a pod the model lies where the init container puts it; a stranger knows that place.
    own = {"auto_map": {"AutoModel": "own.BertModel"}, "_name_or_path": str(store.home.parent.parent / "model")}
    (model / "gliner_config.json").write_text(
        json.dumps({**config, "encoder_config": {**config["encoder_config"], **own}})
    )
    (model / "own.py").write_text(tripwire.program + "from transformers import BertModel\n")
    (model / "custom_objects.pkl").write_bytes(tripwire.pickled)
    (model / "model.yaml").write_text(tripwire.yaml)
    (model / lineages.REPORT_FILE).write_text(f"<script>{tripwire.template}</script>")
    (bento / "bento.yaml").write_text(tripwire.yaml)
    (bento / "README.md").write_text(tripwire.template)
    (bento / "apis").mkdir()
    (bento / "apis" / "openapi.yaml").write_text(tripwire.yaml)
    (bento / "env" / "python").mkdir()
    (bento / "env" / "python" / "install.sh").write_text(f"touch {tripwire.path}\n")
    for name in ("src/service/__init__.py", "src/sitecustomize.py", "src/setup.py"):
        (bento / name).write_text(tripwire.program)
    (bento / "src" / "bentofile.yaml").write_text(tripwire.yaml)
    here = bentos(open_registry)
    with monkeypatch.context() as strangers:
        strangers.setattr(bento_layers, "_models", lambda bento: [f"{MODEL_NAME}:v1"])
        here.push(store, "v1")
    return here


def program(home, *command):
    """What a program says that finds the pulled Bento in its store."""
    environment = {**os.environ, "SPANLOOP_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


def test_an_extractors_pod_runs_nothing_of_it(pushed, tripwire, tmp_path):
    assert [one.version for one in pushed.versions()] == ["v1"]
    pushed.pull_model("v1", tmp_path / "model")
    assert (tmp_path / "model" / "own.py").exists()
    assert not list(tmp_path.glob("model/**/service")), "the code of the Bento was fetched"
    with pytest.raises(ModelError, match=r"names the program own\.py"):
        load(str(tmp_path / "model"), "cpu")
    assert not tripwire.tripped


def test_a_machine_that_has_pulled_it_runs_nothing_of_it(pushed, other_store, tripwire):
    home = other_store.home.parent
    pushed.pull("v1", other_store)
    assert b"script" in other_store.document("v1", lineages.REPORT_FILE)
    assert b"script" in pushed.document("v1", lineages.REPORT_FILE)
    assert "v1" in program(home, "service", "versions")
    assert '"version": "v1"' in program(home, "service", "show", "v1")
    program(home, "bentoml", "list")
    program(home, "bentoml", "models", "list")
    with pytest.raises(ModelError, match=r"names the program own\.py|was not loaded|could not be loaded"):
        load(str(other_store.fetch("v1")), "cpu")
    other_store.delete("v1")
    with pytest.raises(UnknownVersion):
        other_store.get("v1")
    assert not tripwire.tripped


def test_its_code_does_run_for_who_serves_the_bento_itself(pushed, other_store, tripwire):
    """`bentoml serve spanloop:v1` is the one command that trusts a Bento: the documents say so."""
    pushed.pull("v1", other_store)
    bento = other_store.home / "bentos" / BENTO_NAME / "v1"
    described = {"name": BENTO_NAME, "version": "v1", "service": "service.main:Spanloop"}
    (bento / "bento.yaml").write_text(
        json.dumps({**described, "bentoml_version": "1.4.39", "creation_time": "2026-01-01T00:00:00Z"})
    )
    program(other_store.home.parent, "bentoml", "serve", str(bento), "--port", "0")
    assert tripwire.tripped
