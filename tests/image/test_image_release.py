"""`make release` with the real image, podman and a registry."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from containers import Podman

from service import __version__
from tests.support.oci_registry import docker_registry, make_key
from tests.support.release import Checkout, Registry, needed
from tests.support.signing_keys import key_pair

pytestmark = pytest.mark.slow

BASE = "localhost/base@sha256:" + "1" * 64
"""The release names it. The image is there already."""


@pytest.fixture
def home(podman: Podman, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for podman and helm, on a disk that has room for the layers."""
    folder = podman.folder / "home"
    folder.mkdir()
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    return folder


def test_the_image_is_pulled_with_the_digest_that_was_pushed_and_signed(
    podman: Podman, image: str, home: Path, monkeypatch: pytest.MonkeyPatch
):
    needed("git", "helm", "openssl")
    certificate, tls_key = make_key(home)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    checkout = Checkout.make(home / "release", dict(os.environ))
    given = {"KEY": key_pair(home, "release").private, "ENGINE": podman.engine(image), "BASE": BASE}
    tls = {"certificate": str(certificate), "key": str(tls_key)}
    with docker_registry(home / "registry", tls=tls) as host:
        name = f"{host}/nlp/spanloop:{__version__}"
        for _ in range(2):  # the second finds all of it there
            status, said = checkout.release(REGISTRY=f"{host}/nlp", **given)
            assert status == 0, said
        registry = Registry(host, certificate)
        digest = registry.digest("nlp/spanloop", __version__)
        materials = registry.attached("nlp/spanloop", digest)["application/vnd.cyclonedx+json"][1]
        assert "gliner" in {one["name"] for one in json.loads(materials)["components"]}

        assert registry.is_signed("nlp/spanloop", digest, checkout.files / "release.pub")
        podman("rmi", name)
        podman("pull", "--quiet", name)
        assert f"{host}/nlp/spanloop@{digest}" in podman("image", "inspect", "--format={{.RepoDigests}}", name)
        podman("rmi", name)
