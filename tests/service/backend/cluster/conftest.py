"""A small API server, and the settings of a backend that finds it."""

from __future__ import annotations

import pytest

from service.backend.cluster.settings import ClusterSettings
from tests.support import api_server


@pytest.fixture
def api(tmp_path, monkeypatch):
    """A small API server, which this process's kubeconfig leads to."""
    state = api_server.ApiServer()
    with api_server.served(state, tmp_path) as kubeconfig:
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield state


@pytest.fixture
def on_cluster(api, settings):
    """Make settings of a backend on the small API server; anything may be overridden."""

    def make(**overrides):
        names = {"namespace": "here", "release": "loop", "extractor_deployment": "extractor"}
        return settings(ClusterSettings, **{**names, "extractor_url": "http://127.0.0.1:9", **overrides})

    return make
