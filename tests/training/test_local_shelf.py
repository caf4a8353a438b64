"""The shelf of a run on one machine."""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from service.versions.signature import SignatureRefused
from tests.support.signing_keys import key_pair
from training.__main__ import _shelf
from training.settings import TrainingSettings


@pytest.fixture
def save(model_folder):
    return partial(shutil.copytree, model_folder, dirs_exist_ok=True)


def test_a_run_signs_its_version_and_compares_none_that_was_changed_since(bento_store, lineage, save, tmp_path):
    pair = key_pair(tmp_path, "release")
    trusted = {"verify": "require", "trusted_keys": pair.certificate, "signing_key": pair.private}
    shelf = _shelf(TrainingSettings(home=tmp_path, **trusted))
    shelf.require()
    shelf.publish(lineage("v1"), save)
    shelf.hand_over("", "v1", "better")
    shelf.require()
    champion = shelf.fetch("v1")
    (champion / "calibration.json").write_text("{}")
    for compared_or_at_the_start in (lambda: shelf.fetch("v1"), shelf.require):
        with pytest.raises(SignatureRefused, match="not those that were signed"):
            compared_or_at_the_start()


def test_without_a_key_nothing_is_signed_and_nothing_is_asked_of_a_version(bento_store, lineage, save, tmp_path):
    shelf = _shelf(TrainingSettings(home=tmp_path))
    shelf.publish(lineage("v1"), save)
    assert shelf.fetch("v1").is_dir()
    assert not [*tmp_path.rglob("model.sig")]
