"""A small API server, the settings of a backend that finds it, and a registry with versions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.backend.cluster.settings import ClusterSettings
from service.versions import lineage as lineages
from service.versions.oci.bentos import Bentos
from service.versions.store import BENTO_NAME, COMPLETE_MARKER, MODEL_NAME, BentoStore
from tests.support.oci_registry import docker_registry


@pytest.fixture
def on_cluster(api, settings):
    """Make settings of a backend on the small API server; anything may be overridden."""

    def make(**overrides):
        names = {"namespace": "here", "release": "loop", "extractor_deployment": "extractor"}
        return settings(ClusterSettings, **{**names, "extractor_url": "http://127.0.0.1:9", **overrides})

    return make


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def settings_of_release(on_cluster, host, tmp_path):
    """Settings of a release with a repository of its own."""
    return on_cluster(registry=f"{host}/{tmp_path.name.lower().replace('_', '-')}", registry_plain_http=True)


@pytest.fixture
def bentos(settings_of_release):
    return Bentos.connect(settings_of_release.registry, plain_http=True)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("BENTOML_HOME", "changed by the store, put back at the end")
    return BentoStore(tmp_path / "store")


@pytest.fixture
def lay_out(store, lineage):
    """Lay a version out in the store, without the minute that BentoML takes."""

    def make(version, **facts):
        model, bento = store.home / "models" / MODEL_NAME / version, store.home / "bentos" / BENTO_NAME / version
        for folder in (model, bento / "src"):
            folder.mkdir(parents=True)
            lineages.write(folder, lineage(version, **facts))
        (bento / "bento.yaml").write_text(f"models: [{{tag: '{MODEL_NAME}:{version}'}}]")
        (bento / COMPLETE_MARKER).touch()
        return model

    return make
