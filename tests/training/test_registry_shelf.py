"""What a run on a cluster asks of the backend."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.versions.keys import KeyUnusable
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import RegistryError
from service.versions.signature import SignatureRefused, signing
from service.versions.store import BentoStore
from tests.support.oci_registry import docker_registry
from tests.support.signing_keys import key_pair
from training.registry_shelf import BackendSilent, RegistryShelf
from training.settings import TrainingSettings

REFERENCE = "registry.example.com/bentos:v1@sha256:" + "1" * 64


class Backend:
    """A backend that is being replaced: it refuses `refusals` requests, then names the live version."""

    def __init__(self, refusals: int, live: str) -> None:
        self.refusals, self.live = refusals, live

    def answer(self) -> tuple[int, dict[str, str]]:
        self.refusals -= 1
        answer = {"version": "v1", "reference": self.live, "given_up": [REFERENCE.replace(":v1", ":v0")]}
        return (503, {}) if self.refusals >= 0 else (200, answer)


@pytest.fixture
def shelf(tmp_path):
    """Makes a shelf whose backend refuses `refusals` requests."""
    servers = []

    def make(refusals, registry="127.0.0.1:1/none", live=REFERENCE, **more):
        backend = Backend(refusals, live)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = backend.answer()
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_address[1]}"
        settings = TrainingSettings(home=tmp_path, backend_url=address, registry_plain_http=True, **more)
        return RegistryShelf(settings, Bentos.connect(registry, plain_http=True, patience=settings.patience))

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr("training.registry_shelf.RETRY_SECONDS", 0.01)
    yield


def test_a_new_champion_takes_the_place_of_the_one_before(publish, tmp_path):
    settings = TrainingSettings(home=tmp_path, registry_plain_http=True)
    with docker_registry(tmp_path / "registry") as host:
        bentos = Bentos.connect(f"{host}/bentos", plain_http=True)
        here = RegistryShelf(settings, bentos)
        for version in ("v1", "v2"):
            publish(BentoStore(tmp_path), version)
            bentos.push(BentoStore(tmp_path), version)
        first, second = (here.fetch(here.reference(version)) for version in ("v1", "v2"))
        assert here.fetch(here.reference("v2")) == second
        elsewhere = RegistryShelf(settings, Bentos.connect(f"{host}/moved", plain_http=True))
        assert elsewhere.fetch(here.reference("v2")) == second
    assert (second / "gliner_config.json").exists()
    assert not first.exists()


def test_a_version_is_signed_when_it_is_published_and_a_champion_that_is_not_is_refused(
    bento_store, lineage, model_folder, tmp_path
):
    pair = key_pair(tmp_path, "release")
    trusted = {"verify": "require", "trusted_keys": pair.certificate, "signing_key": pair.private}
    with docker_registry(tmp_path / "registry") as host:
        bentos = Bentos.connect(f"{host}/bentos", plain_http=True)
        here = RegistryShelf(TrainingSettings(home=tmp_path, registry_plain_http=True, **trusted), bentos)
        here.publish(lineage("v1"), partial(shutil.copytree, model_folder, dirs_exist_ok=True))
        champion = here.fetch(here.reference("v1"))
        (champion / "gliner_config.json").write_text("{}")
        here.fetch(here.reference("v1"))
        assert (champion / "gliner_config.json").read_text() != "{}", "a copy that was changed is pulled anew"
        unsigned = {name: value for name, value in trusted.items() if name != "signing_key"}
        other = RegistryShelf(TrainingSettings(home=tmp_path, registry_plain_http=True, **unsigned), bentos)
        other.publish(lineage("v2"), partial(shutil.copytree, model_folder, dirs_exist_ok=True))
        with pytest.raises(SignatureRefused, match="has no signature"):
            here.fetch(here.reference("v2"))


def test_a_run_whose_key_cannot_sign_ends_before_it_learns(tmp_path):
    settings = TrainingSettings(home=tmp_path, signing_key=tmp_path / "none")
    with pytest.raises(KeyUnusable, match="cannot be read"):
        RegistryShelf(settings, Bentos.connect("127.0.0.1:1/none", plain_http=True))


def test_a_backend_that_is_being_replaced_is_asked_again(shelf):
    assert shelf(refusals=3).champion() == REFERENCE


def test_a_registry_that_is_away_is_told_at_the_start(shelf):
    with pytest.raises(RegistryError, match="the list of versions failed"):
        shelf(refusals=0, patience=0).require()


def test_what_a_run_needs_at_its_end_is_there(tmp_path, shelf):
    with docker_registry(tmp_path / "registry") as host:
        shelf(refusals=0, registry=f"{host}/bentos").require()


def test_a_live_version_that_is_not_to_be_trusted_is_told_at_the_start(publish, shelf, tmp_path):
    pair = key_pair(tmp_path, "release")
    with docker_registry(tmp_path / "registry") as host:
        bentos, store = Bentos.connect(f"{host}/bentos", plain_http=True), BentoStore(tmp_path)
        publish(store, "v1")
        bentos.push(store, "v1")
        asked = {
            "registry": f"{host}/bentos",
            "live": str(bentos.get("v1").reference),
            "trusted_keys": pair.certificate,
        }
        shelf(refusals=0, verify="off", **asked).require()
        assert not [*tmp_path.glob("champions/v1")], "where no signature counts, nothing is pulled for it"
        with pytest.raises(SignatureRefused, match=r"version v1 is not to be trusted: it has no signature.*sign v1"):
            shelf(refusals=0, verify="require", **asked).require()
        store.sign("v1", signing(pair.private))
        bentos.replace(store, "v1")
        asked["live"] = str(bentos.get("v1").reference)
        here = shelf(refusals=0, verify="require", **asked)
        here.require()
        assert [*tmp_path.glob("champions/v1/model.sig")], "it lies there when it is compared"


def test_a_version_that_was_taken_back_is_known_by_its_name(shelf):
    here = shelf(refusals=1)
    assert here.was_taken_back("v0")
    assert not here.was_taken_back("v1")


def test_a_better_version_is_left_to_the_backend_to_be_rolled_out(shelf):
    assert not shelf(refusals=0).hand_over(REFERENCE, "v2", "better")


def test_a_backend_that_stays_silent_ends_the_run_and_the_error_says_what_to_do(shelf):
    with pytest.raises(BackendSilent, match=r"503.*live version is untouched.*SPANLOOP_BACKEND_URL"):
        shelf(refusals=10**6, patience=0.1).champion()
