"""A real Bento that BentoML serves stays as it was signed: Python writes no bytecode beside its code."""

from __future__ import annotations

import shutil
import sys
from functools import partial

import pytest

from service.settings import ROOT
from service.versions.signature import SignatureRefused, signing
from service.versions.store import BENTO_NAME, BYTECODE_FOLDER, BentoStore
from service.versions.trust import Trust
from tests.support.servers import Server, free_port
from tests.support.signing_keys import key_pair


@pytest.fixture
def pair(tmp_path):
    return key_pair(tmp_path, "release")


@pytest.fixture
def store(tmp_path, bento_store, lineage, model_folder, pair):
    """A store with the signed version v1."""
    made = BentoStore(tmp_path / "home")
    made.publish(lineage("v1"), partial(shutil.copytree, model_folder, dirs_exist_ok=True), signing(pair.private))
    return made


@pytest.fixture
def served(store, tmp_path):
    """Serve v1 by BentoML until it answers, as somebody does who has nothing but the Bento."""
    port = free_port(0)
    command = [sys.executable, "-m", "bentoml", "serve", f"{BENTO_NAME}:v1", "--port", str(port)]
    environment = {
        **{"BENTOML_HOME": str(store.home), "SPANLOOP_HOME": str(tmp_path / "other"), "BENTOML_DO_NOT_TRACK": "True"},
        **{"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": ""},
    }
    server = Server("the Bento", command, environment, f"http://127.0.0.1:{port}", tmp_path / "log")
    try:
        server.wait()
    finally:
        server.stop()
    return store


def test_a_bento_that_was_served_is_as_it_was_signed(served, pair):
    trust = Trust("require", pair.certificate)
    trust.check_bento(served.bento("v1"))
    trust.check_model(served.fetch("v1"))


def test_bytecode_beside_the_code_is_refused_and_the_error_says_what_to_do(store, pair):
    bento = store.bento("v1")
    trust = Trust("require", pair.certificate)
    blocked = bento / "src" / "service" / BYTECODE_FOLDER
    blocked.unlink()
    blocked.mkdir()
    shutil.copy(ROOT / "service" / "main.py", blocked / "main.cpython-311.pyc")
    named = r"src/service/__pycache__/main\.cpython-311\.pyc"
    with pytest.raises(SignatureRefused, match=rf"bytecode .*nobody has signed.*{named}.*find .*/v1 -name .*-delete"):
        trust.check_bento(bento)
    (blocked / "main.cpython-311.pyc").unlink()
    with pytest.raises(SignatureRefused, match="not those that were signed"):
        trust.check_bento(bento)
