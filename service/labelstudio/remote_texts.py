"""Texts at addresses (`valueType="url"`), fetched from allowed hosts only.

Whoever can write a task could otherwise ask any host that this program reaches. So nothing is fetched unless a setting
allows the host, private addresses have to be allowed themselves, and every redirect is checked like the first address.
The connection goes to the very address that was checked.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx

from service.errors import Cause
from service.labelstudio.time_limit import TimeLimit
from service.labelstudio.unread import Unread, is_whole

SETTING = "SPANLOOP_TEXT_HOSTS"
FETCHES = 16
"""So many texts are fetched at once."""
FETCH_SECONDS = 10.0
"""Seconds that one text may take, redirects included."""
REDIRECTS_MAX = 5
BYTES_A_CHARACTER = 4
"""UTF-8 takes so many at most."""
NEVER_PUBLIC = [
    ipaddress.IPv6Network(network)
    for network in ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10", "3fff::/20", "5f00::/16")
]
"""Networks of addresses that are not public, which Python's `is_global` does not know: local NAT64 (RFC 8215),
IPv4-compatible, IPv4-translated and site-local addresses, documentation (RFC 9637) and segment routing (RFC 9602)."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
PORTS = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class AllowedHosts:
    """The hosts of the setting: names, names below a domain (`*.example.com`), addresses and networks.

    A name or an address may have a port; without one any port is allowed.
    """

    names: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, setting: str) -> AllowedHosts:
        """Read the setting, its entries separated by commas or blanks."""
        entries = [entry.strip().lower().rstrip("/.") for entry in setting.replace(",", " ").split()]
        networks = [network for entry in entries if (network := _network(entry))]
        return cls(frozenset(entries), tuple(networks))

    def has(self, host: str, port: int) -> bool:
        """Whether texts may be fetched from a host, as an address names it."""
        if (address := _address(host)) and self.has_address(address, port):
            return True
        parents = [f"*.{host.split('.', level)[-1]}" for level in range(1, host.count(".") + 1)]
        return any(name in self.names or f"{name}:{port}" in self.names for name in (host, *parents))

    def has_address(self, address: Address, port: int) -> bool:
        """Whether an address itself is in the setting."""
        written = f"[{address}]" if address.version == 6 else str(address)
        return f"{written}:{port}" in self.names or any(address in network for network in self.networks)


class RemoteTexts:
    """Fetches texts from allowed hosts; may be called from any thread."""

    def __init__(self, hosts: str, most_characters: int) -> None:
        self._allowed = AllowedHosts.parse(hosts)
        self._most_bytes = most_characters * BYTES_A_CHARACTER

    def fetch(self, url: str, deadline: float | None = None) -> str:
        """The text at an address, read as UTF-8 like the editor does. Raises Unread, which says what to do.

        `deadline`: when to give up by `time.monotonic`, if that is earlier than FETCH_SECONDS from now.
        """
        began = time.monotonic()
        if deadline is not None and began > deadline:
            raise not_in_time()
        until = min(began + FETCH_SECONDS, began + FETCH_SECONDS if deadline is None else deadline)
        for _ in range(REDIRECTS_MAX + 1):
            target = _Target.of(url, self._allowed)
            if time.monotonic() > until:
                raise _too_slow(target)
            try:
                found = self._get(target, until)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                if time.monotonic() > until:
                    raise _too_slow(target) from error
                raise _unread(f"its text at {target.host} cannot be fetched ({type(error).__name__})") from error
            if isinstance(found, bytes):
                return found.decode("utf-8-sig", "replace")
            url = _joined(url, found)
        raise _unread(f"its text at {target.host} is behind over {REDIRECTS_MAX} redirects")

    def _get(self, target: _Target, until: float) -> bytes | str:
        """The content at a checked address, or where it redirects to."""
        timeout = max(0.1, until - time.monotonic())
        # No proxy and no compression: what is checked is what is asked, and what is counted is what comes.
        with (
            TimeLimit(until) as limit,
            httpx.Client(trust_env=False, verify=_tls(), timeout=timeout, follow_redirects=False) as client,
            client.stream(
                "GET",
                target.pinned,
                headers={"Host": target.netloc, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": target.host, "trace": limit.trace},
            ) as response,
        ):
            if response.has_redirect_location:
                return response.headers["location"]
            if not response.is_success:
                raise _unread(f"its text at {target.host} cannot be fetched ({response.status_code})")
            return self._content(target, response, until)

    def _content(self, target: _Target, response: httpx.Response, until: float) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _unread(f"its text at {target.host} came compressed, which was not asked for")
        content = bytearray()
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > self._most_bytes:
                raise Unread(f"its text at {target.host} is too long", Cause.TOO_LARGE, is_lasting=False)
        # A text without a length ends where its connection does, and the end of its time ends that, too.
        if time.monotonic() > until:
            raise _too_slow(target)
        return bytes(content)


@dataclass(frozen=True)
class _Target:
    """A checked address: `pinned` has the numeric address of its host, which cannot change any more."""

    host: str
    netloc: str
    pinned: str

    @classmethod
    def of(cls, url: str, allowed: AllowedHosts) -> _Target:
        """Check an address. Raises Unread where its host is not allowed, private, or not to be found."""
        if not is_whole(url):
            raise Unread("the address of its text has half a character in it", Cause.BAD_TEXT)
        try:
            parts = urlsplit(url.strip())
            host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise Unread("what should be the address of its text is none", Cause.BAD_TEXT) from error
        if parts.scheme not in PORTS or not host.isascii() or not host:
            raise Unread("the address of its text is not one of http or https with a host", Cause.BAD_TEXT)
        if parts.username is not None:
            raise Unread("the address of its text has a user name in it", Cause.BAD_TEXT)
        named = host[:100]
        if not allowed.has(host, port):
            raise _unread(f"its text is at {named}: {SETTING} does not allow that host")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _unread(f"the host {named} of its text is not known") from error
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        public = [one for one in addresses if _is_public(one) or allowed.has_address(one, port)]
        if not public or len(public) < len(addresses):
            private = next(one for one in addresses if one not in public)
            raise _unread(f"its text is at {named}, a private address: {SETTING} does not allow {private}")
        numeric = f"[{public[0]}]" if public[0].version == 6 else str(public[0])
        pinned = parts._replace(netloc=f"{numeric}:{port}", fragment="").geturl()
        netloc = parts.netloc.rpartition("@")[2]
        return cls(host, netloc, pinned)


@cache
def _tls() -> ssl.SSLContext:
    """Made once: to read all certificates of authorities takes longer than most texts."""
    return httpx.create_ssl_context(trust_env=False)


def _joined(url: str, location: str) -> str:
    """Where a redirect leads. Raises Unread for what is no address, and for one that leaves TLS."""
    try:
        target = urljoin(url, location)
    except ValueError as error:
        raise Unread("the address of its text redirects to what is no address", Cause.BAD_TEXT) from error
    if url.startswith("https:") and not target.startswith("https:"):
        raise _unread("the address of its text redirects from https to what is not")
    return target


def _too_slow(target: _Target) -> Unread:
    return _unread(f"its text at {target.host} took too long")


def not_in_time() -> Unread:
    """A text was not fetched before the deadline of all."""
    return Unread("its text was not fetched in time", Cause.DEADLINE, is_lasting=False)


def _unread(reason: str) -> Unread:
    return Unread(reason, Cause.TEXT_FETCH, is_lasting=False)


def _is_public(address: Address) -> bool:
    if any(address in network for network in NEVER_PUBLIC):
        return False
    inner = _inner(address) if isinstance(address, ipaddress.IPv6Address) else None
    return address.is_global and not address.is_multicast and (inner is None or _is_public(inner))


def _inner(address: ipaddress.IPv6Address) -> Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None
