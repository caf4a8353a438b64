from __future__ import annotations

import base64

import pytest

from service.versions.oci.credentials import Credential, Keychain
from service.versions.oci.errors import CredentialError
from service.versions.reference import Repository

REPOSITORY = Repository("registry.example.com:5000", "team/spanloop")
HOST = REPOSITORY.host


@pytest.mark.parametrize(
    "key", [HOST, f"https://{HOST}", f"http://{HOST}/", f"https://{HOST}/v1/", f"{HOST}/v2/", f"{HOST}/team"]
)
def test_credentials_are_found_by_host_in_each_way_that_docker_and_kubernetes_write_it(keychain, auth, key):
    assert keychain({key: auth("anna", "se:cret")}).find(REPOSITORY) == Credential("anna", "se:cret")


@pytest.mark.parametrize("key", ["registry.example.com", "other.example.com:5000", f"{HOST}/other", f"{HOST}/tea"])
def test_credentials_of_another_host_or_path_are_not_used(keychain, auth, key):
    assert keychain({key: auth("anna", "secret")}).find(REPOSITORY) is None


def test_the_entry_with_the_longest_path_counts(keychain, auth):
    entries = {f"{HOST}/team": auth("team", "x"), f"{HOST}/team/spanloop": auth("own", "x"), HOST: auth("host", "x")}
    found = keychain(entries).find(REPOSITORY)
    assert found.username == "own"


def test_the_hub_has_its_old_key(keychain, auth):
    found = keychain({"https://index.docker.io/v1/": auth("anna", "x")}).find(Repository("docker.io", "a/b"))
    assert found.username == "anna"


def test_user_name_and_password_may_stand_apart(keychain):
    assert keychain({HOST: {"username": "anna", "password": "x"}}).find(REPOSITORY) == Credential("anna", "x")


def test_an_identity_token_comes_along(keychain, auth):
    found = keychain({HOST: {**auth("<token>", ""), "identitytoken": "abc"}}).find(REPOSITORY)
    assert found.identity_token == "abc"


def test_without_a_file_or_an_entry_there_are_none(tmp_path, keychain):
    assert Keychain(tmp_path / "nowhere").find(REPOSITORY) is None
    assert keychain({}).find(REPOSITORY) is None


def test_the_folder_is_the_one_that_docker_uses(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert Keychain().path == tmp_path / ".docker" / "config.json"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "mounted"))
    assert Keychain().path == tmp_path / "mounted" / "config.json"


def test_credentials_that_are_renewed_in_place_are_seen(keychain, auth):
    chain = keychain({HOST: auth("anna", "old")})
    assert chain.find(REPOSITORY).password == "old"
    keychain({HOST: auth("anna", "new")})
    assert chain.find(REPOSITORY).password == "new"


def test_a_credential_helper_for_the_host_is_refused_by_its_name(keychain, auth):
    chain = keychain({HOST: auth("anna", "x")}, credHelpers={HOST: "ecr-login"})
    with pytest.raises(CredentialError, match=r"'ecr-login'.*not asked.*docker-registry"):
        chain.find(REPOSITORY)


def test_a_credential_helper_for_another_host_is_no_matter(keychain, auth):
    chain = keychain({HOST: auth("anna", "x")}, credHelpers={"other.example.com": "ecr-login"})
    assert chain.find(REPOSITORY) == Credential("anna", "x")


def test_credentials_kept_in_a_store_are_refused_by_its_name(keychain):
    with pytest.raises(CredentialError, match="'desktop'"):
        keychain({HOST: {}}, credsStore="desktop").find(REPOSITORY)


def test_a_store_is_no_matter_where_nobody_logged_in_or_the_entry_is_whole(keychain, auth):
    assert keychain({}, credsStore="desktop").find(REPOSITORY) is None
    assert keychain({HOST: auth("anna", "x")}, credsStore="desktop").find(REPOSITORY) == Credential("anna", "x")


@pytest.mark.parametrize(
    "entry",
    [{"auth": "secret-that-is-no-base64"}, {"username": "anna"}, {"registrytoken": "secret"}, {}, "secret"],
)
def test_an_entry_that_cannot_be_used_is_an_error_that_does_not_quote_it(keychain, entry):
    with pytest.raises(CredentialError, match=r"config\.json") as refused:
        keychain({HOST: entry}).find(REPOSITORY)
    assert "secret" not in str(refused.value).replace("kubectl create secret", "")


@pytest.mark.parametrize("text", ['{"auths": {"h": {"auth": "c2VjcmV0"}', "[]"])
def test_a_file_that_is_no_config_is_an_error_that_does_not_quote_it(keychain, text):
    chain = keychain()
    chain.path.write_text(text)
    with pytest.raises(CredentialError) as refused:
        chain.find(REPOSITORY)
    assert "c2VjcmV0" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_credential_does_not_show_its_secrets():
    shown = repr(Credential("anna", "hidden1", "hidden2"))
    assert "anna" in shown and "hidden" not in shown


def test_the_basic_header_is_utf8():
    assert Credential("anna", "wört:x").basic == "Basic " + base64.b64encode("anna:wört:x".encode()).decode()
