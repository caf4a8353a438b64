"""What an extractor's init container does: pull the live version's model, and keep a shared cache small."""

from __future__ import annotations

import os
import threading
import time

import pytest
from oci_stores import left_in

from service.versions import lineage as lineages
from service.versions import pull, signature
from service.versions.signature import signing
from tests.support.signing_keys import key_pair

DAY = 24 * 3600


@pytest.fixture
def start(bentos, open_registry, store, put, tmp_path, monkeypatch):
    """Publish the live version, and start a pod with it."""
    put(store, "live")
    here = bentos(open_registry)
    here.push(store, "live")
    monkeypatch.setenv("SPANLOOP_LIVE", str(here.get("live").reference))
    monkeypatch.setenv("SPANLOOP_REGISTRY", str(here.repository))
    monkeypatch.setenv("SPANLOOP_REGISTRY_PLAIN_HTTP", "true")
    return lambda: pull.main(tmp_path / "cache")


@pytest.fixture
def cached(tmp_path, lineage):
    """Lay a version into the cache that a pod last started with so many days ago."""

    def make(version, days):
        folder = tmp_path / "cache" / version
        folder.mkdir(parents=True)
        lineages.write(folder, lineage(version))
        return aged(folder, days)

    return make


def aged(folder, days):
    os.utime(folder, (time.time() - days * DAY,) * 2)
    return folder


def test_versions_that_no_pod_has_started_with_for_a_month_leave_the_cache(start, cached, tmp_path):
    for version, days in {"v1": 400, "v2": 31, "v3": 29, "v4": 28, "v5": 1}.items():
        cached(version, days)
    start()
    assert left_in(tmp_path / "cache") == ["live", "v3", "v4", "v5"]


@pytest.mark.parametrize(
    ("registry", "why"), [("registry.example.com/other", "in another repository"), ("", "names no repository")]
)
def test_a_version_in_another_repository_than_the_releases_is_not_pulled(
    start, registry, why, monkeypatch, tmp_path, capfd
):
    monkeypatch.setenv("SPANLOOP_REGISTRY", registry)
    with pytest.raises(SystemExit):
        start()
    assert why in capfd.readouterr().err
    assert not (tmp_path / "cache" / "live").exists()


def test_the_versions_before_the_live_one_stay_however_old(start, cached, tmp_path):
    for version, days in {"v1": 400, "v2": 90, "v3": 60}.items():
        cached(version, days)
    start()
    assert left_in(tmp_path / "cache") == ["live", "v2", "v3"]


def test_a_start_counts_as_use_and_the_live_version_stays(start, cached, tmp_path):
    start()
    live = aged(tmp_path / "cache" / "live", 100)
    inode = live.stat().st_ino
    for version in ("v1", "v2"):
        cached(version, 1)
    start()
    assert live.stat().st_ino == inode, "it was pulled again"
    assert time.time() - live.stat().st_mtime < DAY


def test_only_models_are_deleted(start, cached, tmp_path):
    for version in ("v1", "v2"):
        cached(version, 1)
    for name in (".v0.part", "lost+found"):
        (tmp_path / "cache" / name).mkdir()
        (tmp_path / "cache" / name / "file").touch()
        aged(tmp_path / "cache" / name, 400)
    hidden = cached(".hidden", 400)
    start()
    assert left_in(tmp_path / "cache") == [hidden.name, ".v0.part", "live", "lost+found", "v1", "v2"]


def test_pods_that_start_at_once_share_the_work(start, cached, tmp_path, capfd):
    for number in range(20):
        cached(f"old-{number}", 100 + number)
    pods = [threading.Thread(target=start) for _ in range(4)]
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.join(60)
    assert left_in(tmp_path / "cache") == ["live", "old-0", "old-1"]
    logged = capfd.readouterr().err
    assert "WARNING" not in logged
    assert "ERROR" not in logged
    assert logged.count("was deleted from the cache") == 18


def test_a_version_that_a_pod_starts_with_meanwhile_stays(start, cached, tmp_path, monkeypatch):
    for version in ("v1", "v2"):
        cached(version, 1)
    cached("old", 100)
    lock = pull.workplace

    def waits_for_another_pod(path):
        os.utime(tmp_path / "cache" / "old")
        return lock(path)

    monkeypatch.setattr(pull, "workplace", waits_for_another_pod)
    start()
    assert left_in(tmp_path / "cache") == ["live", "old", "v1", "v2"]


def test_a_version_that_cannot_be_deleted_is_no_reason_not_to_serve(start, cached, tmp_path, capfd):
    for version in ("v1", "v2"):
        cached(version, 1)
    old = cached("old", 100)
    (tmp_path / "cache" / ".old.part.lock").mkdir()
    start()
    assert old.exists()
    assert (tmp_path / "cache" / "live").exists()
    assert "old could not be deleted" in capfd.readouterr().err


def test_the_live_version_stays_where_its_use_cannot_be_noted(start, cached, tmp_path, monkeypatch, capfd):
    start()
    live = aged(tmp_path / "cache" / "live", 100)
    inode = live.stat().st_ino
    for version in ("v1", "v2"):
        cached(version, 1)

    def refused(path):
        raise PermissionError(path)

    monkeypatch.setattr(pull.os, "utime", refused)
    start()
    assert live.stat().st_ino == inode, "it was pulled again"
    assert "could not be noted" in capfd.readouterr().err


@pytest.fixture
def start_signed(bentos, open_registry, store, put, tmp_path, monkeypatch):
    """Publish a signed version that `change` has changed before it was pushed, and start a pod with it."""
    pair = key_pair(tmp_path, "release")
    said = tmp_path / "termination-log"
    there = bentos(open_registry)
    monkeypatch.setenv("SPANLOOP_REGISTRY", str(there.repository))
    monkeypatch.setenv("SPANLOOP_REGISTRY_PLAIN_HTTP", "true")
    monkeypatch.setenv("SPANLOOP_VERIFY", "require")
    monkeypatch.setenv("SPANLOOP_TRUSTED_KEYS", str(pair.certificate.parent))
    monkeypatch.setenv("SPANLOOP_TERMINATION_LOG", str(said))

    def make(change):
        put(store, "live")
        store.sign("live", signing(pair.private))
        change(store.fetch("live"))
        there.push(store, "live")
        monkeypatch.setenv("SPANLOOP_LIVE", str(there.get("live").reference))
        pull.main(tmp_path / "cache")
        return said

    return make


def test_a_signed_version_is_pulled(start_signed, tmp_path):
    assert not start_signed(lambda folder: None).exists()
    assert (tmp_path / "cache" / "live" / signature.FILE).exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"others"), "not those that were signed"),
        (lambda folder: (folder / "tokenizer" / "vocab.txt").write_bytes(b"a\nc\n"), "not those that were signed"),
        (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"more"), "not those that were signed"),
        (lambda folder: (folder / "gliner_config.json").unlink(), "not those that were signed"),
        (lambda folder: (folder / signature.FILE).unlink(), "has no signature"),
    ],
)
def test_a_version_that_was_pushed_with_other_files_than_were_signed_is_not_put_into_the_cache(
    start_signed, tmp_path, change, why
):
    with pytest.raises(SystemExit) as ended:
        start_signed(change)
    assert ended.value.code == pull.EXIT_REFUSED
    assert why in (tmp_path / "termination-log").read_text()
    assert left_in(tmp_path / "cache") == []


def test_a_copy_in_the_cache_from_before_the_version_was_signed_is_pulled_anew(start_signed, tmp_path):
    start_signed(lambda folder: None)
    kept = tmp_path / "cache" / "live"
    (kept / signature.FILE).unlink()
    pull.main(tmp_path / "cache")
    assert (kept / signature.FILE).exists()
    (kept / "model.safetensors").write_bytes(b"damaged")
    pull.main(tmp_path / "cache")
    assert (kept / "model.safetensors").read_bytes() != b"damaged"
