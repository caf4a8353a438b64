"""An extractor loads the version that was pulled only if it is as it was signed."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from service.extractor.app import build
from service.extractor.settings import ExtractorSettings
from service.model.model import Model
from service.versions import lineage as lineages
from service.versions.signature import FILE, sign
from tests.support.signing_keys import key_pair

LIVE = f"registry.example.com/bentos:v1@sha256:{'1' * 64}"


@pytest.fixture
def pair(tmp_path):
    return key_pair(tmp_path, "release")


@pytest.fixture
def cached(tmp_path, model_folder, lineage, pair):
    """A signed version in the cache of an extractor's pods."""
    folder = tmp_path / "cache" / "v1"
    shutil.copytree(model_folder, folder)
    lineages.write(folder, lineage("v1"))
    sign(pair.private, folder)
    return folder


@pytest.fixture
def start(cached, pair, settings):
    """Start an extractor, by default one that requires signatures."""

    def make(**overrides):
        facts = {"verify": "require", "trusted_keys": pair.certificate, "live": LIVE, "pulled": cached.parent}
        return TestClient(build(settings(ExtractorSettings, **{**facts, **overrides})))

    return make


def test_a_signed_version_answers(start, until):
    with start() as pod:
        until(lambda: pod.get("/ready").is_success)
        assert pod.get("/ready").json() == {"version": "v1"}


@pytest.mark.parametrize("name", ["calibration.json", "model.safetensors", FILE, lineages.FILE])
def test_a_version_whose_cached_files_were_changed_is_not_loaded(start, cached, name, until, monkeypatch, grown):
    monkeypatch.setattr(Model, "load", lambda *args: pytest.fail("it was loaded"))
    (cached / name).unlink(missing_ok=True)
    if name not in (FILE, lineages.FILE):
        (cached / name).write_text("{}")
    with start() as pod:
        until(lambda: "was refused" in pod.get("/ready").json()["error"])
        assert pod.get("/ready").status_code == 503
        assert pod.get("/ready").json()["cause"] == "signature"
    assert grown("spanloop_errors_total", cause="signature") == 1


def test_the_base_model_needs_no_signature(start, until):
    with start(live="") as pod:
        until(lambda: pod.get("/ready").is_success)
        assert pod.get("/ready").json()["version"].startswith("tiny-")
