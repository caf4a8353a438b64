"""`spanloop doctor` on a real Label Studio and a real backend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import label_studio
from tests.support.servers import Server, free_port

from .backend import Backend
from .conftest import PROGRAM, MakeBackend
from .studio import Studio


@pytest.fixture(scope="module")
def licensed(make_backend: MakeBackend, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    """A backend whose model says under which licence it is."""
    model = tmp_path_factory.mktemp("model") / "licensed"
    shutil.copytree(model_folder, model)
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    return make_backend(model=model)


@pytest.fixture(scope="module")
def blocking(studio_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A Label Studio that refuses private addresses, as it does by default."""
    allows = dict.fromkeys(label_studio.PRIVATE_ADDRESSES, "true")
    server = label_studio.start(PROGRAM, tmp_path_factory.mktemp("blocking"), free_port(0), environment=allows)
    try:
        server.wait()
        yield Studio(server.url)
    finally:
        server.stop()


def examined(backend: Backend, *arguments: str, **settings: object) -> dict[str, dict[str, Any]]:
    """The findings on a backend's set-up, by what was checked."""
    done = backend.program("spanloop", "doctor", "--json", "--backend", backend.url, *arguments, **settings)
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["healthy"] else 1), done.stderr
    return {one["check"]: one for one in document["findings"]}


def test_in_a_healthy_set_up_nothing_is_wrong(licensed: Backend, studio: Studio, personal_access_token: str):
    project = studio.project()
    studio.connect(project, licensed.url)
    found = examined(licensed, f"--project={project}")
    assert {one["state"] for one in found.values()} == {"ok"}, found
    assert "a legacy token of admin@example.com" in found["The API key"]["told"]
    found = examined(licensed, f"--project={project}", label_studio_api_key=personal_access_token)
    assert "a personal access token of admin@example.com, valid until" in found["The API key"]["told"]


def test_what_is_misset_in_a_project_is_told(licensed: Backend, studio: Studio):
    lonely, quiet = studio.project(), studio.project()
    model = studio.connect(quiet, licensed.url)
    studio.change_model(model, quiet, licensed.url, is_interactive=False)
    (webhook,) = studio.webhooks(quiet)
    studio.turn_off_webhook(webhook)
    found = examined(licensed, f"--project={lonely}", f"--project={quiet}", "--project=99999")
    assert found[f"Project {lonely}"]["told"] == "It has no model."
    assert "Interactive preannotations are off" in found[f"Project {quiet}"]["told"]
    assert "is turned off" in found[f"The webhook of project {quiet}"]["told"]
    assert found["Project 99999"]["state"] == "wrong"


def test_a_key_that_label_studio_refuses_is_told(licensed: Backend):
    found = examined(licensed, label_studio_api_key="f" * 40)
    assert "It is a legacy token. Label Studio refuses the API key" in found["The API key"]["told"]


def test_a_label_studio_that_refuses_private_addresses_is_told_and_keeps_nothing(licensed: Backend, blocking: Studio):
    project = blocking.project()
    found = examined(licensed, f"--project={project}", label_studio_url=blocking.url)[
        "Label Studio's rules for addresses"
    ]
    assert "reserved network address" in found["told"]
    assert "ML_BLOCK_LOCAL_IP=false" in found["cure"]
    assert blocking.models(project) == blocking.webhooks(project) == []


def test_a_short_name_and_a_webhook_that_label_studio_refuses_are_told_and_nothing_is_kept(
    licensed: Backend, studio: Studio
):
    project = studio.project()
    found = examined(licensed, f"--project={project}", "--backend", "http://spanloop:9090")
    assert found["The backend's address"]["told"] == "spanloop is a short name, without a dot."
    assert found["Label Studio's rules for addresses"]["state"] == "wrong"
    assert studio.models(project) == studio.webhooks(project) == []
