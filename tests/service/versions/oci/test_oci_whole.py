"""A real Bento through a real registry, and a large one in little memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from service.versions.store import BENTO_NAME, MODEL_NAME, BentoStore

ROOT = Path(__file__).parents[4]
GIGABYTE = 1 << 30


def test_a_bento_that_was_pulled_is_one_for_bentoml(bentos, open_registry, publish, tmp_path, monkeypatch):
    monkeypatch.setenv("BENTOML_HOME", "changed by each store, put back at the end")
    there = BentoStore(tmp_path / "there")
    here = BentoStore(tmp_path / "here")
    made = publish(here, "v1")
    assert bentos(open_registry).push(here, "v1").startswith("sha256:")
    shutil.rmtree(here.home)
    assert bentos(open_registry).pull("v1", there) == made == there.get("v1")
    code = """
import json, sys
import bentoml
bento, model = bentoml.get(sys.argv[1]), bentoml.models.get(sys.argv[2])
print(json.dumps([bento.path, str(bento.info.all_models[0].tag), bento.entry_service, model.path]))
"""
    command = [sys.executable, "-c", code, f"{BENTO_NAME}:v1", f"{MODEL_NAME}:v1"]
    environment = {**os.environ, "BENTOML_HOME": str(there.home), "BENTOML_DO_NOT_TRACK": "True"}
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120)
    path, tag, entry, model = json.loads(shown.stdout.splitlines()[-1])
    assert Path(path) == there.home / "bentos" / BENTO_NAME / "v1"
    assert (tag, entry) == (f"{MODEL_NAME}:v1", "spanloop")
    assert Path(model) == there.fetch("v1")
    assert os.access(Path(path) / "env" / "docker" / "entrypoint.sh", os.X_OK)


@pytest.mark.slow
def test_a_gigabyte_is_pushed_and_pulled_in_less_than_300_mb_of_memory(open_registry, store, put, tmp_path):
    put(store, "v1", weights=b"")
    with (store.fetch("v1") / "model.safetensors").open("wb") as weights:
        for _ in range(GIGABYTE >> 20):
            weights.write(os.urandom(1 << 20))
    code = """
import re, sys
from pathlib import Path
from service.versions.oci.bentos import Bentos
from service.versions.store import BentoStore
action, repository, home = sys.argv[1:]
bentos, home = Bentos.connect(repository, plain_http=True), Path(home)
if action == "push":
    bentos.push(BentoStore(home), "v1")
elif action == "pull":
    bentos.pull("v1", BentoStore(home))
else:
    bentos.pull_model("v1", home)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    repository = f"{open_registry}/tests/{uuid.uuid4().hex}"
    homes = {"push": store.home.parent, "pull": tmp_path / "there", "model": tmp_path / "model"}
    peaks = {}
    try:
        for action, home in homes.items():
            command = [sys.executable, "-c", code, action, repository, str(home)]
            ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
            peaks[action] = int(ran.stdout) / 1024
        pulled = BentoStore(tmp_path / "there").fetch("v1") / "model.safetensors"
        assert pulled.stat().st_size == (tmp_path / "model" / "model.safetensors").stat().st_size == GIGABYTE
        assert max(peaks.values()) < 300, peaks
    finally:
        for home in homes.values():
            shutil.rmtree(home, ignore_errors=True)
