"""Who may: docker-registry with htpasswd and with tokens, and servers that try to get what is not theirs."""

from __future__ import annotations

import base64

import pytest
from oci_proxy import proxied, status, without_authorization

from service.versions.oci.client import Client
from service.versions.oci.errors import CredentialError, RegistryError
from service.versions.oci.manifest import LINEAGE_CONFIG, Descriptor, Manifest, digest_of
from service.versions.reference import Repository
from tests.support.oci_registry import IDENTITY, PASSWORD, USER

BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CONFIG = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(b"{}"), size=2)
RAW = Manifest(config=CONFIG, layers=()).model_dump_json(by_alias=True).encode()


@pytest.fixture
def anna(auth):
    return lambda host: {host: auth(USER, PASSWORD)}


@pytest.fixture
def there_and_back():
    def go(client):
        assert client.push_blob(CONFIG, b"{}")
        client.put_manifest("v1", RAW)
        assert client.tags() == ["v1"]
        assert client.manifest("v1")[0] == RAW
        assert client.read_blob(CONFIG) == b"{}"
        client.delete_manifest(digest_of(RAW))

    return go


def test_a_certificate_that_is_not_trusted_is_told_and_one_that_is_named_is_trusted(
    tls_registry, name, keychain, anna, pauses, there_and_back, monkeypatch
):
    host, certificate = tls_registry
    options = {"keychain": keychain(anna(host)), "backoff": pauses.backoff()}
    with pytest.raises(RegistryError, match=r"certificate is not trusted \(.*SSL_CERT_FILE"):
        Client(Repository(host, name), **options).tags()
    assert pauses.taken == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    there_and_back(Client(Repository(host, name), **options))


def test_everything_works_with_basic(client, basic_registry, anna, there_and_back):
    there_and_back(client(basic_registry, anna(basic_registry)))


def test_everything_works_with_bearer_tokens_and_each_is_asked_for_once(
    client, bearer_registry, anna, there_and_back, tokens
):
    here = client(bearer_registry, anna(bearer_registry))
    there_and_back(here)
    here.tags()
    # The registry names the actions of a scope in any order.
    scopes = [sorted(asked["scope"].rpartition(":")[2].split(",")) for asked in tokens.asked]
    assert sorted(scopes) == [["delete"], ["pull"], ["pull", "push"]]
    assert {asked["service"] for asked in tokens.asked} == {"tests"}


def test_an_identity_token_is_changed_for_a_bearer_token(client, bearer_registry, there_and_back, tokens):
    there_and_back(client(bearer_registry, {bearer_registry: {"identitytoken": IDENTITY}}))
    assert {asked["method"] for asked in tokens.asked} == {"POST"}
    assert {asked["grant_type"] for asked in tokens.asked} == {"refresh_token"}


@pytest.mark.parametrize("registry", ["basic_registry", "bearer_registry"])
def test_without_credentials_the_error_says_where_to_put_them(client, registry, request, tokens, pauses):
    host = request.getfixturevalue(registry)
    with pytest.raises(CredentialError, match=rf"{host}/tests/.*config\.json has none for it.*Nothing was changed"):
        client(host).tags()
    assert pauses.taken == []


@pytest.mark.parametrize("registry", ["basic_registry", "bearer_registry"])
def test_wrong_credentials_are_told_once_and_shown_nowhere(
    client, registry, request, auth, tokens, pauses, service_log
):
    host = request.getfixturevalue(registry)
    with pytest.raises(CredentialError, match="refuses the credentials") as refused:
        client(host, {host: auth(USER, "hidden-password")}).tags()
    shown = str(refused.value) + "".join(service_log)
    assert "hidden-password" not in shown
    assert auth(USER, "hidden-password")["auth"] not in shown
    assert pauses.taken == []


def test_credentials_put_right_in_place_are_used_without_a_restart(client, basic_registry, auth, keychain, anna):
    here = client(basic_registry, {basic_registry: auth(USER, "wrong")})
    with pytest.raises(CredentialError):
        here.tags()
    keychain(anna(basic_registry))
    assert here.tags() == []


def test_a_token_that_expired_is_renewed_once_and_the_request_made_again(client, bearer_registry, anna, tokens):
    with proxied(bearer_registry) as proxy:
        here = client(proxy.host, anna(proxy.host))
        here.tags()
        proxy.fail("GET", "tags/list", without_authorization)
        assert here.tags() == []
        assert len(tokens.asked) == 2
        here.tags()
        assert len(tokens.asked) == 2


def test_a_token_that_expires_while_a_blob_is_sent_is_renewed_and_all_of_it_sent_again(
    client, bearer_registry, anna, tokens, tmp_path
):
    data = b"data" * 100_000
    (tmp_path / "blob").write_bytes(data)
    blob = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(data), size=len(data))
    with proxied(bearer_registry) as proxy:
        here = client(proxy.host, anna(proxy.host))
        proxy.fail("PUT", "/blobs/", without_authorization)
        assert here.push_blob(blob, tmp_path / "blob")
        assert here.read_blob(blob) == data


def test_a_renewed_token_that_is_refused_too_is_an_error(client, bearer_registry, anna, tokens):
    with proxied(bearer_registry) as proxy:
        proxy.fail("GET", "tags/list", without_authorization, times=2)
        with pytest.raises(CredentialError, match="or they lack this right"):
            client(proxy.host, anna(proxy.host)).tags()
    assert len(tokens.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_token_server_that_is_busy_is_asked_again(client, bearer_registry, anna, tokens, pauses, code):
    tokens.status[:] = [code, code]
    assert client(bearer_registry, anna(bearer_registry)).tags() == []
    assert len(pauses.taken) == 2


def test_a_token_server_that_gives_no_token_is_told(client, bearer_registry, anna, tokens):
    tokens.status[:] = [200]
    with pytest.raises(RegistryError, match=r"token server 127\.0\.0\.1 answered without a token"):
        client(bearer_registry, anna(bearer_registry)).tags()


def test_a_token_that_no_header_can_carry_is_told_and_not_shown(client, bearer_registry, anna, tokens, monkeypatch):
    monkeypatch.setattr(tokens, "token", lambda scope: "hidden\ntoken")
    with pytest.raises(RegistryError, match="no header can carry them") as refused:
        client(bearer_registry, anna(bearer_registry)).tags()
    assert "hidden" not in str(refused.value)


def test_the_host_that_a_download_is_redirected_to_gets_no_credentials(
    client, basic_registry, open_registry, anna, tmp_path
):
    with proxied(basic_registry) as proxy, proxied(open_registry) as storage:
        here = client(proxy.host, anna(proxy.host))
        here.push_blob(CONFIG, b"{}")
        client(open_registry).push_blob(CONFIG, b"{}")
        location = f"http://{storage.host}/v2/{here.repository.name}/blobs/{CONFIG.digest}"
        here.tags()
        proxy.fail("GET", "/blobs/", status(307, Location=location))
        assert here.read_blob(CONFIG) == b"{}"
        assert proxy.sent[-1].headers["Authorization"] == f"Basic {BASIC}"
        assert "Authorization" not in storage.sent[-1].headers


def test_the_host_that_a_download_is_redirected_to_cannot_ask_for_credentials(client, basic_registry, anna):
    with proxied(basic_registry) as proxy, proxied(basic_registry) as thief:
        here = client(proxy.host, anna(proxy.host))
        here.push_blob(CONFIG, b"{}")
        proxy.fail("GET", "/blobs/", status(307, Location=f"http://{thief.host}/stolen"), times=2)
        for challenge in (f'Bearer realm="http://{thief.host}/token"', 'Basic realm="mine"'):
            thief.fail("GET", "/stolen", status(401, WWW_Authenticate=challenge), times=2)
        with pytest.raises(CredentialError, match="redirected to, asked for credentials; it was given none"):
            here.read_blob(CONFIG)
        assert all("Authorization" not in asked.headers for asked in thief.sent)
        assert thief.count("GET", "/token") == 0


def test_an_upload_sent_to_another_host_carries_no_credentials(client, basic_registry, anna):
    with proxied(basic_registry) as proxy, proxied(basic_registry) as other:
        here = client(proxy.host, anna(proxy.host))
        here.push_blob(CONFIG, b"{}")
        assert "Authorization" in proxy.sent[-1].headers
        proxy.fail("POST", "/blobs/uploads/", status(202, Location=f"http://{other.host}/upload"))
        other.fail("PUT", "/upload", status(201))
        here.push_blob(Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(b"other"), size=5), b"other")
        assert other.sent[-1].body == b"other"
        assert "Authorization" not in other.sent[-1].headers


def test_a_server_that_repeats_the_credentials_does_not_get_them_into_the_error(
    client, basic_registry, anna, service_log
):
    def repeats(code):
        def fault(proxy, exchange):
            sent = exchange.headers.get("Authorization", "")
            exchange.status = code
            exchange.answer = f'{{"errors": [{{"code": "NO", "message": "you sent {sent} {PASSWORD}"}}]}}'.encode()

        return fault

    with proxied(basic_registry) as proxy:
        here = client(proxy.host, anna(proxy.host))
        here.tags()
        proxy.fail("GET", "tags/list", repeats(503))
        proxy.fail("GET", "tags/list", repeats(400))
        with pytest.raises(RegistryError, match="you sent Basic …") as refused:
            here.tags()
    shown = str(refused.value) + "".join(service_log)
    assert "503: NO you sent" in shown
    assert BASIC not in shown
    assert PASSWORD not in shown


def test_credentials_are_not_sent_to_a_token_server_without_tls_for_a_registry_with_it(keychain, anna, monkeypatch):
    """The registry's own answers are replaced here: nothing on this machine speaks TLS for it."""
    import httpx

    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="http://registry.example.com/token"'})

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: real(transport=httpx.MockTransport(answer), **options))
    host = "registry.example.com"
    with pytest.raises(RegistryError, match=r"no token server that credentials can be sent to \(http://"):
        Client(Repository(host, "a/b"), keychain=keychain(anna(host))).tags()
    assert [request.url.scheme for request in asked] == ["https"]
    assert "Authorization" not in asked[0].headers
