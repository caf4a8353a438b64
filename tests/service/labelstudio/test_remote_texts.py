"""Texts at addresses: which hosts are asked, and what is told of the others."""

from __future__ import annotations

import socket
import time

import pytest

from service.errors import Cause
from service.labelstudio.remote_texts import AllowedHosts, RemoteTexts
from service.labelstudio.unread import Unread
from tests.support.text_server import TEXT, served


@pytest.fixture
def files():
    with served() as server:
        yield server


def unread(hosts, url, **more):
    with pytest.raises(Unread) as caught:
        RemoteTexts(hosts, 1000).fetch(url, **more)
    assert not caught.value.is_lasting or caught.value.cause is Cause.BAD_TEXT
    return str(caught.value)


@pytest.mark.parametrize("hosts", ["127.0.0.1", "files.example.com, 127.0.0.0/8", "127.0.0.1:{port}"])
def test_a_text_at_an_allowed_address_is_read_as_utf_8(files, hosts):
    hosts = hosts.format(port=files.port)
    assert RemoteTexts(hosts, 1000).fetch(f"{files.url}/a.txt") == TEXT


@pytest.mark.parametrize("hosts", ["", "files.example.com", "127.0.0.1:1", "10.0.0.0/8"])
def test_a_host_that_is_not_allowed_is_not_asked_and_the_setting_is_named(files, hosts):
    assert "SPANLOOP_TEXT_HOSTS" in unread(hosts, f"{files.url}/a.txt")
    assert files.asked == []


def test_an_allowed_name_at_a_private_address_is_not_asked_unless_that_is_allowed_too(files, monkeypatch):
    port = files.port
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: found)
    url = f"http://files.example.com:{port}/a.txt"
    reason = unread("files.example.com", url)
    assert "private" in reason
    assert "127.0.0.1" in reason
    assert files.asked == []
    assert RemoteTexts("files.example.com 127.0.0.1", 1000).fetch(url) == TEXT
    assert files.asked == [("/a.txt", f"files.example.com:{port}")]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1%eth0"],
)
def test_a_name_that_leads_to_any_private_address_is_refused(address, monkeypatch):
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))
    found = [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: found)
    assert "private" in unread("files.example.com", "http://files.example.com/a.txt")


def test_redirects_are_followed_and_each_is_checked(files):
    port = files.port
    assert RemoteTexts("127.0.0.1", 1000).fetch(f"{files.url}/to//a.txt") == TEXT
    asked = len(files.asked)
    reason = unread("127.0.0.1", f"{files.url}/to/http://127.0.0.2:{port}/a.txt")
    assert "127.0.0.2" in reason
    assert len(files.asked) == asked + 1
    assert "redirects" in unread("127.0.0.1", f"{files.url}/to/" + "/to/" * 9 + "/a.txt")


def test_a_text_that_is_too_long_gone_or_slow_says_so(files):
    assert "too long" in unread("127.0.0.1", f"{files.url}/long")
    assert "404" in unread("127.0.0.1", f"{files.url}/gone")
    assert "took too long" in unread("127.0.0.1", f"{files.url}/slow", deadline=time.monotonic() + 0.2)
    assert "ConnectError" in unread("127.0.0.1", "http://127.0.0.1:9/a.txt")


@pytest.mark.parametrize("path", ["/drips", "/pours", "/to//drips"])
def test_a_server_that_sends_little_by_little_is_given_up_in_time(files, path):
    assert "took too long" in unread("127.0.0.1", f"{files.url}{path}", deadline=time.monotonic() + 0.5)
    assert files.sat_out == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "a text", "/data/upload/1/a.txt", "s3://bucket/a", "http://", "http://[x", "http://h:port/",
     "gopher://127.0.0.1/", "http://u:p@127.0.0.1/", "\ud83d", "http://\ud83d/"],
)  # fmt: skip
def test_what_is_no_address_of_a_host_is_told(url):
    assert "address" in unread("127.0.0.1", url)


def test_hosts_are_allowed_by_name_domain_port_and_network():
    allowed = AllowedHosts.parse("Files.example.com, *.s3.amazonaws.com\nminio:9000 10.0.0.0/8 [::1]")
    assert allowed.has("files.example.com", 443)
    assert allowed.has("bucket.s3.amazonaws.com", 443)
    assert allowed.has("a.bucket.s3.amazonaws.com", 443)
    assert allowed.has("minio", 9000)
    assert allowed.has("10.1.2.3", 80)
    assert allowed.has("::1", 80)
    for host, port in [("example.com", 443), ("s3.amazonaws.com", 443), ("minio", 80), ("11.0.0.1", 80), ("x", 1)]:
        assert not allowed.has(host, port)


@pytest.mark.parametrize(
    "address", ["64:ff9b:1::7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1", "3fff::1", "5f00::1"]
)
def test_ipv6_addresses_that_lead_to_private_ones_are_refused(address, monkeypatch):
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **options: found)
    with pytest.raises(Unread, match="private"):
        RemoteTexts("texts.example.com", 100).fetch("http://texts.example.com/")
