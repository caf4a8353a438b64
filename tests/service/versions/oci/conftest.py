"""Registries with each kind of access, a proxy that fails on demand, and versions in local stores."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from oci_proxy import Proxy, proxied

from service.versions import lineage as lineages
from service.versions.lineage import Lineage
from service.versions.oci.backoff import Backoff
from service.versions.oci.bentos import Bentos
from service.versions.oci.client import Client
from service.versions.oci.credentials import Keychain
from service.versions.reference import Repository
from service.versions.store import BENTO_NAME, COMPLETE_MARKER, MODEL_NAME, BentoStore
from tests.support.oci_registry import HTPASSWD, TokenServer, docker_registry, make_key, token_server


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("open")) as host:
        yield host


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("basic")
    (folder / "htpasswd").write_text(HTPASSWD)
    with docker_registry(folder, {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}) as host:
        yield host


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A registry behind a certificate that nobody knows: its host, and the certificate."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_key(folder)
    with docker_registry(folder, tls={"certificate": str(certificate), "key": str(key)}) as host:
        yield host, certificate


@pytest.fixture(scope="session")
def _tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with token_server(tmp_path_factory.mktemp("tokens") / "server") as server:
        yield server


@pytest.fixture
def tokens(_tokens: TokenServer) -> TokenServer:
    _tokens.asked.clear()
    _tokens.status.clear()
    return _tokens


@pytest.fixture(scope="session")
def bearer_registry(tmp_path_factory: pytest.TempPathFactory, _tokens: TokenServer) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("bearer"), _tokens.auth) as host:
        yield host


@pytest.fixture
def proxy(open_registry: str) -> Iterator[Proxy]:
    with proxied(open_registry) as made:
        yield made


@pytest.fixture
def name() -> str:
    """A repository that no other test uses."""
    return f"tests/{uuid.uuid4().hex}"


class Pauses:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def backoff(self, **limits: float) -> Backoff:
        return Backoff(sleep=self.taken.append, clock=lambda: sum(self.taken), **limits)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def keychain(tmp_path: Path) -> Callable[..., Keychain]:
    """A config.json with these entries by host; by default none."""

    def make(auths: dict[str, Any] | None = None, **more: Any) -> Keychain:
        folder = tmp_path / "docker"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"auths": auths or {}, **more}))
        return Keychain(folder)

    return make


def auth(user: str, password: str) -> dict[str, str]:
    """An entry of config.json."""
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def client(name: str, pauses: Pauses, keychain: Callable[..., Keychain]) -> Iterator[Callable[..., Client]]:
    """A client of this test's repository at a host."""
    made: list[Client] = []

    def make(host: str, auths: dict[str, Any] | None = None, limits: dict[str, float] | None = None) -> Client:
        repository = Repository(host, name)
        backoff = pauses.backoff(**(limits or {}))
        made.append(Client(repository, plain_http=True, keychain=keychain(auths), backoff=backoff, timeout=20))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def bentos(client: Callable[..., Client]) -> Callable[..., Bentos]:
    return lambda host, **options: Bentos(client(host, **options))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BentoStore:
    monkeypatch.setenv("BENTOML_HOME", "changed by each store, put back at the end")
    return BentoStore(tmp_path / "here")


@pytest.fixture
def other_store(tmp_path: Path, store: BentoStore) -> BentoStore:
    return BentoStore(tmp_path / "there")


@pytest.fixture
def put(lineage: Callable[..., Lineage]) -> Callable[..., Lineage]:
    """Lay a version out in a store as `BentoStore.publish` does, without the minute that BentoML takes."""

    def make(
        store: BentoStore, version: str, weights: bytes = b"weights" * 1000, code: str = "print()\n", **facts: Any
    ) -> Lineage:
        made = lineage(version, **facts)
        bento, model = store.home / "bentos" / BENTO_NAME / version, store.home / "models" / MODEL_NAME / version
        write(model, {"model.safetensors": weights, "gliner_config.json": b"{}", "tokenizer/vocab.txt": b"a\nb\n"})
        write(model, {"model.yaml": f"name: {MODEL_NAME}\nversion: {version}\n".encode()})
        lineages.write(model, made)
        described = {"name": BENTO_NAME, "version": version, "models": [{"tag": f"{MODEL_NAME}:{version}"}]}
        write(
            bento,
            {"bento.yaml": yaml.safe_dump(described).encode(), "README.md": f"# {BENTO_NAME}:{version}\n".encode()},
        )
        write(bento, {"env/docker/entrypoint.sh": b"#!/bin/sh\n", "src/service/main.py": code.encode()})
        write(bento, {"src/bentofile.yaml": f"version: {version}\n".encode(), "src/requirements.txt": b"httpx\n"})
        (bento / "env/docker/entrypoint.sh").chmod(0o775)
        lineages.write(bento / "src", made)
        (bento / COMPLETE_MARKER).touch()
        return made

    return make


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture(name="auth")
def auth_fixture() -> Callable[[str, str], dict[str, str]]:
    return auth
