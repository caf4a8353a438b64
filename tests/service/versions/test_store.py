from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.model.model import Model
from service.versions import lineage as lineages
from service.versions.lineage import FORMAT
from service.versions.store import BENTO_NAME, MODEL_NAME, BentoStore, UnknownVersion


@pytest.fixture
def store(tmp_path, bento_store):
    return BentoStore(tmp_path)


def test_a_new_store_has_no_versions(store):
    assert store.versions() == []
    assert store.with_digest("any") is None
    with pytest.raises(UnknownVersion, match=r"'v1'.*lists them"):
        store.get("v1")


def test_a_published_version_can_be_got_listed_found_by_digest_and_loaded(store, publish):
    written = publish(store, "v1", digest="d1")
    assert store.get("v1") == written
    assert store.versions() == [written]
    assert store.with_digest("d1") == written
    assert store.with_digest("d2") is None
    assert Model.load(str(store.fetch("v1"))).extract(["Alice met Bob"], ["person"], 0.5)[0].spans


def test_a_published_version_is_a_bento_with_its_model_its_lineage_and_the_code(store, publish):
    import bentoml

    publish(store, "v1")
    bento = bentoml.bentos.get(f"{BENTO_NAME}:v1")
    assert [str(model.tag) for model in bento.info.models or []] == [f"{MODEL_NAME}:v1"] or str(
        bento.info.all_models[0].tag
    ) == f"{MODEL_NAME}:v1"
    source = store.home / "bentos" / BENTO_NAME / "v1" / "src"
    assert (source / "service" / "main.py").is_file()
    assert (source / "training" / "__main__.py").is_file()
    assert (source / "spanloop" / "__main__.py").is_file(), "messages name its commands"
    assert json.loads((source / lineages.FILE).read_text())["version"] == "v1"
    assert not list(source.rglob("*.pyc"))
    pins = (source / "requirements.txt").read_text().split()
    assert [pin for pin in pins if pin.startswith("torch==")]
    assert not [pin for pin in pins if "+" in pin], "a build that no index has"


def test_versions_are_listed_newest_first(store, publish):
    for day in (2, 3, 1):
        publish(store, f"v{day}", created=datetime(2026, 1, day, tzinfo=UTC))
    assert [lineage.version for lineage in store.versions()] == ["v3", "v2", "v1"]


def test_listed_versions_are_read_once_and_deleted_ones_are_listed_no_more(store, publish, monkeypatch):
    publish(store, "v1")
    reads, get = [], BentoStore.get
    monkeypatch.setattr(BentoStore, "get", lambda one, version: reads.append(version) or get(one, version))
    assert [store.versions() for _ in range(3)] == [store.versions()] * 3
    assert reads == ["v1"]
    store.delete("v1")
    assert store.versions() == []
    again = publish(store, "v1", digest="another")
    assert store.versions() == [again]


def test_publishing_a_version_again_is_refused_and_leaves_it_as_it_was(store, publish):
    first = publish(store, "v1", digest="first")
    with pytest.raises(ValueError, match="v1 is in the store already"):
        publish(store, "v1", digest="second")
    assert store.get("v1") == first


def test_what_a_killed_publication_left_is_no_version_and_is_replaced(store, publish, model_folder, lineage):
    leftover = store.home / "models" / MODEL_NAME / "v1"
    shutil.copytree(model_folder, leftover)
    (leftover / "model.yaml").write_text("half written")
    lineages.write(leftover, lineage("v1", digest="of the killed one"))
    assert store.versions() == []
    with pytest.raises(UnknownVersion):
        store.fetch("v1")
    written = publish(store, "v1", digest="of the next one")
    assert store.get("v1") == written


def test_a_publication_whose_model_cannot_be_written_leaves_no_version(store, publish, lineage):
    def full(folder):
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.publish(lineage("v1"), full)
    assert store.versions() == []
    publish(store, "v1")
    assert [one.version for one in store.versions()] == ["v1"]


def test_a_publication_that_fails_leaves_nothing_on_the_disk(store, model_folder, lineage, monkeypatch):
    import bentoml

    def full(*given, **facts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bentoml, "build", full)
    with pytest.raises(OSError, match="No space left"):
        store.publish(lineage("v1"), lambda folder: shutil.copytree(model_folder, folder, dirs_exist_ok=True))
    left = [path for path in store.home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert not [path for path in left if path.stat().st_size > 1000]


def test_what_a_killed_publication_left_in_the_temporary_files_is_deleted_by_the_next(store, model_folder, lineage):
    stray, seen = store.home / ".publish" / "tmp-of-bentoml", []
    stray.mkdir(parents=True)

    def save(folder):
        seen.append((store.home / ".publish" in folder.parents, stray.exists()))
        shutil.copytree(model_folder, folder, dirs_exist_ok=True)

    store.publish(lineage("v1"), save)
    assert seen == [(True, False)]
    assert not (store.home / ".publish").exists()
    assert tempfile.gettempdir() != str(store.home / ".publish")


def test_a_publication_killed_while_the_bento_is_copied_is_no_version(store, publish, monkeypatch):
    """BentoML copies a Bento into the store file by file, in any order: only the last may make the version seen."""

    class Killed(BaseException):
        pass

    real = shutil.copytree

    def killed(source, target, *args, **kwargs):
        if Path(target).parent != store.home / "bentos" / BENTO_NAME:
            return real(source, target, *args, **kwargs)
        shutil.copy(Path(source) / "bento.yaml", target)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copytree", killed)
        with pytest.raises(Killed):
            publish(store, "v1", digest="killed")
    assert store.versions() == []
    assert store.with_digest("killed") is None
    assert publish(store, "v1", digest="next") == store.get("v1")


def test_a_version_of_a_newer_format_is_refused_but_hides_no_other(store, publish):
    publish(store, "v1")
    publish(store, "v2")
    folder = store.fetch("v2")
    content = json.loads((folder / lineages.FILE).read_text())
    (folder / lineages.FILE).write_text(json.dumps({**content, "format": FORMAT + 1}))
    with pytest.raises(lineages.FormatError, match="upgrade"):
        store.get("v2")
    assert [one.version for one in store.versions()] == ["v1"]
    assert store.with_digest("digest of v1") is not None
