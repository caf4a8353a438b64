"""The client against Debian's docker-registry, and against a proxy that fails on demand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from oci_proxy import answered, corrupt_answer, corrupt_request, cut_answer, cut_request, lose_answer, proxied, status

from service.versions.oci.client import Client
from service.versions.oci.errors import Corrupt, NotInRegistry, RegistryError, Unsupported
from service.versions.oci.manifest import LINEAGE_CONFIG, Descriptor, Manifest, digest_of
from service.versions.reference import Repository

DATA = bytes(range(256)) * 2000


def blob(data):
    return Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(data), size=len(data))


def manifest(config):
    return Manifest(config=config, layers=()).model_dump_json(by_alias=True).encode()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(DATA)
    return path


def test_a_blob_goes_there_and_back_and_is_sent_once(client, proxy, file, tmp_path):
    here = client(proxy.host)
    assert here.push_blob(blob(DATA), file)
    assert not here.push_blob(blob(DATA), file)
    assert proxy.received == len(DATA)
    here.pull_blob(blob(DATA), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA
    assert here.read_blob(blob(DATA)) == DATA


def test_a_manifest_is_found_by_tag_and_digest_and_deleted_by_digest(client, open_registry):
    here = client(open_registry)
    assert here.tags() == []
    here.push_blob(blob(b"{}"), b"{}")
    raw = manifest(blob(b"{}"))
    assert here.put_manifest("v1", raw) == digest_of(raw)
    assert here.manifest("v1") == here.manifest(digest_of(raw)) == (raw, digest_of(raw))
    assert here.tags() == ["v1"]
    with pytest.raises(Unsupported, match="cannot delete a tag alone"):
        here.delete_manifest("v1")
    assert here.tags() == ["v1"]
    here.delete_manifest(digest_of(raw))
    here.delete_manifest(digest_of(raw))
    with pytest.raises(NotInRegistry):
        here.manifest("v1")
    assert here.tags() == []


def test_a_tag_is_deleted_alone_where_the_registry_can(client, proxy):
    proxy.fail("DELETE", "/manifests/v1", status(202))
    client(proxy.host).delete_manifest("v1")
    assert proxy.count("DELETE", "/manifests/v1") == 1


def test_a_registry_that_forbids_deletion_is_told_from_one_that_fails(client, proxy):
    proxy.fail("DELETE", "/manifests/", status(405))
    with pytest.raises(Unsupported, match=r"storage\.delete\.enabled"):
        client(proxy.host).delete_manifest(digest_of(b"x"))


def test_a_registry_that_takes_uploads_is_known_before_anything_is_sent(client, open_registry):
    here = client(open_registry)
    here.require_push()
    assert here.tags() == []


def test_an_upload_that_cannot_be_given_up_is_no_failure(client, proxy):
    proxy.fail("DELETE", "/blobs/uploads/", status(405))
    client(proxy.host).require_push()
    assert proxy.count("DELETE", "/blobs/uploads/") == 1


def test_a_registry_that_takes_no_uploads_says_so_and_not_how_to_allow_deletion(client, proxy):
    proxy.fail("POST", "/blobs/uploads/", status(405))
    with pytest.raises(Unsupported, match=r"read-only.*registry\.url in the chart") as refused:
        client(proxy.host).require_push()
    assert "delete.enabled" not in str(refused.value)


def test_all_pages_of_tags_are_read(client, proxy, name):
    link = f'</v2/{name}/tags/list?n=2&last=b>; rel="next"'
    proxy.fail("GET", "last=b", answered(b'{"tags": ["b", "c"]}'))
    proxy.fail("GET", "tags/list", answered(b'{"tags": ["a", "b"]}', Link=link))
    assert client(proxy.host).tags() == ["a", "b", "c"]


def test_pages_that_form_a_loop_end_in_an_error(client, proxy, name):
    link = f'</v2/{name}/tags/list?n=2&last=b>; rel="next"'
    proxy.fail("GET", "tags/list", answered(b'{"tags": ["a"]}', Link=link), times=5)
    with pytest.raises(RegistryError, match="loop"):
        client(proxy.host).tags()


@pytest.mark.parametrize("body", [b"<html>a login page</html>", b"[]", b'"tags"'])
def test_something_that_is_no_registry_is_told(client, proxy, body):
    proxy.fail("GET", "tags/list", answered(body))
    with pytest.raises(RegistryError, match=r"no list of tags.*Check that this is a registry"):
        client(proxy.host).tags()


def test_a_repository_whose_tags_are_null_has_none(client, proxy):
    proxy.fail("GET", "tags/list", answered(b'{"tags": null}'))
    assert client(proxy.host).tags() == []


@pytest.mark.parametrize("fault", [status(500), status(503), status(429), status(408), cut_request, lose_answer])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_an_upload_that_fails_anywhere_starts_again_from_the_beginning(client, proxy, pauses, file, method, fault):
    proxy.fail(method, "/blobs/", fault, times=2)
    here = client(proxy.host)
    here.push_blob(blob(DATA), file)
    assert here.read_blob(blob(DATA)) == DATA
    assert pauses.taken and not proxy.count("PATCH", "")


def test_an_upload_whose_answer_was_lost_is_not_sent_twice(client, proxy, file):
    proxy.fail("PUT", "/blobs/", lose_answer)
    client(proxy.host).push_blob(blob(DATA), file)
    assert proxy.received == len(DATA)


def test_an_upload_that_the_registry_forgot_starts_again(client, proxy, file):
    proxy.fail("PUT", "/blobs/", status(404))
    here = client(proxy.host)
    assert here.push_blob(blob(DATA), file)
    assert proxy.count("POST", "/blobs/uploads/") == 2


def test_an_upload_that_changes_on_the_way_is_refused_and_nothing_is_stored(client, proxy, file):
    proxy.fail("PUT", "/blobs/", corrupt_request)
    here = client(proxy.host)
    with pytest.raises(RegistryError, match=r"upload of sha256:\w+ failed: .*DIGEST_INVALID.*No tag was changed"):
        here.push_blob(blob(DATA), file)
    with pytest.raises(NotInRegistry):
        here.read_blob(blob(DATA))


@pytest.mark.parametrize("fault", [status(500), status(502), status(429), cut_answer, lose_answer])
def test_a_download_that_fails_starts_again(client, proxy, pauses, file, tmp_path, fault):
    here = client(proxy.host)
    here.push_blob(blob(DATA), file)
    proxy.fail("GET", "/blobs/", fault, times=2)
    here.pull_blob(blob(DATA), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA
    assert len(pauses.taken) == 2


def test_a_download_with_other_bytes_is_an_error_and_leaves_no_file(client, proxy, pauses, file, tmp_path):
    here = client(proxy.host)
    here.push_blob(blob(DATA), file)
    proxy.fail("GET", "/blobs/", corrupt_answer, times=2)
    with pytest.raises(
        Corrupt, match=r"download of sha256:\w+ failed: what came has the digest.*Nothing of it was kept"
    ):
        here.pull_blob(blob(DATA), tmp_path / "back")
    assert not (tmp_path / "back").exists()
    with pytest.raises(Corrupt):
        here.read_blob(blob(DATA))
    assert pauses.taken == []


def test_a_download_that_does_not_end_is_stopped_at_the_size_it_should_have(client, proxy, tmp_path):
    proxy.fail("GET", "/blobs/", answered(DATA + b"more"))
    with pytest.raises(Corrupt, match=f"more than its {len(DATA)} bytes"):
        client(proxy.host).pull_blob(blob(DATA), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_download_given_up_leaves_no_file(client, proxy, file, tmp_path):
    here = client(proxy.host, limits={"deadline": 10})
    here.push_blob(blob(DATA), file)
    proxy.fail("GET", "/blobs/", cut_answer, times=100)
    with pytest.raises(RegistryError, match="the connection failed"):
        here.pull_blob(blob(DATA), tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("asked", ["v1", "digest"])
def test_a_manifest_with_other_bytes_is_an_error(client, proxy, asked):
    here = client(proxy.host)
    here.push_blob(blob(b"{}"), b"{}")
    digest = here.put_manifest("v1", manifest(blob(b"{}")))
    proxy.fail("GET", "/manifests/", corrupt_answer)
    with pytest.raises(Corrupt, match="what came has the digest"):
        here.manifest(digest if asked == "digest" else asked)


def test_a_manifest_is_checked_though_the_registry_does_not_say_its_digest(client, proxy):
    proxy.fail("GET", "/manifests/", answered(b"{}"))
    with pytest.raises(Corrupt):
        client(proxy.host).manifest(digest_of(b"other"))


def test_a_manifest_without_end_is_not_read_to_it(client, proxy):
    proxy.fail("GET", "/manifests/", answered(b"x" * (5 << 20)))
    with pytest.raises(Corrupt, match="more than 4194304 bytes"):
        client(proxy.host).manifest("v1")


def test_a_manifest_that_arrived_as_something_else_is_an_error(client, proxy):
    proxy.fail("PUT", "/manifests/", status(201, Docker_Content_Digest=digest_of(b"other")))
    with pytest.raises(Corrupt, match="stored it as"):
        client(proxy.host).put_manifest("v1", b"{}")


def test_a_manifest_put_whose_answer_was_lost_is_put_again(client, proxy):
    here = client(proxy.host)
    here.push_blob(blob(b"{}"), b"{}")
    proxy.fail("PUT", "/manifests/", lose_answer)
    assert here.put_manifest("v1", manifest(blob(b"{}"))) == here.manifest("v1")[1]


def test_retry_after_is_honoured_as_seconds_and_as_a_date(client, proxy, pauses):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    proxy.fail("GET", "tags/list", status(429, Retry_After="77"))
    proxy.fail("GET", "tags/list", status(503, Retry_After=until))
    proxy.fail("GET", "tags/list", status(503, Retry_After="soon"))
    client(proxy.host).tags()
    assert pauses.taken[0] == 77
    assert 80 < pauses.taken[1] <= 100
    assert pauses.taken[2] < 10


def test_a_registry_that_is_down_is_given_up_with_what_to_do(client, pauses):
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9/.*the connection failed.*Try again when the registry"):
        client("127.0.0.1:9", limits={"deadline": 20}).tags()
    assert len(pauses.taken) > 2
    assert sum(pauses.taken) <= 20


def test_a_registry_without_tls_is_told_and_not_asked_again(open_registry, name, keychain, pauses):
    secure = Client(Repository(open_registry, name), keychain=keychain(), backoff=pauses.backoff())
    with pytest.raises(RegistryError, match=r"does not speak TLS.*SPANLOOP_REGISTRY_PLAIN_HTTP"):
        secure.tags()
    assert pauses.taken == []


def test_what_the_registry_says_is_in_the_error(client, proxy):
    words = json.dumps({"errors": [{"code": "DENIED", "message": "the quota\nis used up"}]}).encode()

    def denied(proxy, exchange):
        exchange.status, exchange.answer = 403, words

    proxy.fail("POST", "/blobs/uploads/", denied)
    with pytest.raises(RegistryError, match=r"403: DENIED the quota is used up.*the right to do it in tests/"):
        client(proxy.host).push_blob(blob(b"x"), b"x")


def test_a_download_redirected_to_another_host_is_followed(client, proxy, file, tmp_path, open_registry):
    here = client(proxy.host)
    here.push_blob(blob(DATA), file)
    with proxied(open_registry) as storage:
        path = f"/v2/{here.repository.name}/blobs/{blob(DATA).digest}"
        proxy.fail("GET", "/blobs/", status(307, Location=f"http://{storage.host}{path}?signature=abc"))
        here.pull_blob(blob(DATA), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


@pytest.mark.parametrize("location", ["/v2/again", "http://host:no-port/"])
def test_redirects_that_lead_nowhere_are_an_error(client, proxy, location, tmp_path):
    proxy.fail("GET", "/v2/", status(307, Location=location), times=100)
    with pytest.raises(RegistryError, match=r"address that leads nowhere|the connection failed"):
        client(proxy.host, limits={"deadline": 1}).pull_blob(blob(DATA), tmp_path / "back")


def test_an_upload_sent_nowhere_is_an_error(client, proxy, file):
    proxy.fail("POST", "/blobs/", status(202, Location="http://host:no-port/"))
    with pytest.raises(RegistryError, match="address that leads nowhere"):
        client(proxy.host).push_blob(blob(DATA), file)


def test_the_signature_of_a_redirect_is_in_no_log_and_no_error(client, proxy, caplog, tmp_path):
    caplog.set_level("DEBUG", "httpx")
    proxy.fail("GET", "/blobs/", status(307, Location=f"http://{proxy.host}/stored?signature=abc"))
    proxy.fail("GET", "/stored", status(403))
    with pytest.raises(RegistryError) as refused:
        client(proxy.host).pull_blob(blob(DATA), tmp_path / "back")
    assert f"http://{proxy.host}/stored" in caplog.text
    assert "signature" not in caplog.text + str(refused.value)
