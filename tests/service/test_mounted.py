"""Secrets in files that are replaced while a program runs, as Kubernetes replaces those that it mounts."""

from __future__ import annotations

import base64

import pytest
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from service.backend.local.settings import MachineSettings
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.settings import BasicAuthSettings, LabelStudioSettings
from service.web.basic_auth import BasicAuth
from service.web.form_token import FormTokens
from service.web.routes import RequestRefused
from tests.support.studio import KEY, Studio, served


@pytest.fixture
def login(tmp_path):
    """A folder as Kubernetes mounts a Secret: its files are links into a folder that is replaced as a whole."""

    def write(username, password):
        content = tmp_path / f"of-{password}"
        content.mkdir()
        (content / "username").write_text(username)
        (content / "password").write_text(f"{password}\n")
        link = tmp_path / "next"
        link.symlink_to(content)
        link.replace(tmp_path / "data")

    write("ls", "first")
    folder = tmp_path / "mounted"
    folder.mkdir()
    for name in ("username", "password"):
        (folder / name).symlink_to(tmp_path / "data" / name)
    return folder, write


def request(username, password):
    given = base64.b64encode(f"{username}:{password}".encode())
    return HTTPConnection({"type": "http", "headers": [(b"authorization", b"Basic " + given)]})


def test_the_key_is_read_from_its_file_without_the_line_feed_at_its_end(tmp_path):
    (tmp_path / "key").write_text("0123abcd\n")
    assert LabelStudioSettings(label_studio_api_key_file=tmp_path / "key").api_key == "0123abcd"
    both = LabelStudioSettings(label_studio_api_key_file=tmp_path / "key", label_studio_api_key="other")
    assert both.api_key == "other"


def test_a_file_that_cannot_be_read_at_the_start_is_named(tmp_path):
    with pytest.raises(ValidationError, match=r"a secret cannot be read from its file: .*nowhere"):
        LabelStudioSettings(label_studio_api_key_file=tmp_path / "nowhere")
    with pytest.raises(ValidationError, match=r"a secret cannot be read from its file: .*username"):
        BasicAuthSettings(basic_auth_folder=tmp_path)
    for name in ("username", "password"):
        (tmp_path / name).touch()
    with pytest.raises(ValidationError, match=r"username or password in .* is empty"):
        BasicAuthSettings(basic_auth_folder=tmp_path)


def test_a_refused_setting_shows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("SPANLOOP_BASIC_AUTH_FOLDER", str(tmp_path))
    with pytest.raises(ValidationError) as refused:
        MachineSettings()
    assert "0123456789abcdef" not in str(refused.value)


def test_label_studio_is_asked_with_the_new_key_as_soon_as_the_file_has_it(tmp_path):
    studio = Studio()
    (tmp_path / "key").write_text("revoked")
    with served(studio):
        given = {"label_studio_url": studio.url, "label_studio_api_key_file": tmp_path / "key"}
        client = LabelStudio(LabelStudioSettings(**given))
        with pytest.raises(LabelStudioError, match="refuses the API key"):
            client.overviews([])
        (tmp_path / "key").write_text(KEY)
        client.overviews([])
    assert studio.authorizations == ["Token revoked", f"Token {KEY}"]


def test_a_file_that_is_gone_or_empty_for_a_while_counts_as_unchanged(tmp_path):
    (tmp_path / "key").write_text("0123abcd")
    settings = LabelStudioSettings(label_studio_api_key_file=tmp_path / "key")
    for spoil in (
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.write_text(" \n"),
        lambda path: path.unlink(),
    ):
        spoil(tmp_path / "key")
        assert settings.api_key == "0123abcd"


def test_nobody_is_let_in_while_the_password_is_being_written(login):
    folder, write = login
    auth = BasicAuth(BasicAuthSettings(basic_auth_folder=folder))
    write("", "")
    assert auth.is_set
    assert not auth.admits(request("", ""))
    assert auth.admits(request("ls", "first"))


def test_a_new_password_counts_from_the_next_request_on_and_the_old_one_no_more(login):
    folder, write = login
    auth = BasicAuth(BasicAuthSettings(basic_auth_folder=folder))
    assert auth.admits(request("ls", "first"))
    write("ls", "second")
    assert auth.admits(request("ls", "second"))
    assert not auth.admits(request("ls", "first"))


def test_a_form_of_before_the_change_is_refused_after_it(login):
    folder, write = login
    tokens = FormTokens(BasicAuthSettings(basic_auth_folder=folder))
    before = tokens.make("/rollback")
    tokens.require(before, "/rollback")
    write("ls", "second")
    with pytest.raises(RequestRefused):
        tokens.require(before, "/rollback")
