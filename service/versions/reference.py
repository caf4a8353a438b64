"""The names of repositories and of versions in them: `host[:port]/name`, and `host[:port]/name:VERSION@sha256:…`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?")
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
_VERSION = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

HUB = "docker.io"
"""Docker Hub's API has another host name."""


def is_version(text: str) -> bool:
    """Whether the text can be a tag. A tag is also a valid file name."""
    return _VERSION.fullmatch(text) is not None


@dataclass(frozen=True)
class Repository:
    """A repository of a registry."""

    host: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Repository:
        """From `host[:port]/name`. Raises ValueError."""
        host, _, name = text.strip().partition("/")
        if not _HOST.fullmatch(host) or not _NAME.fullmatch(name):
            raise ValueError(
                f"{text!r} names no repository: write host[:port]/name, without https:// and in small letters, "
                "as in registry.example.com:5000/team/spanloop."
            )
        return cls(host, name)

    @property
    def api_host(self) -> str:
        return "registry-1.docker.io" if self.host == HUB else self.host

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"


@dataclass(frozen=True)
class Reference:
    """A version, with the digest that pins its content and the repository that holds it, if these are known."""

    version: str
    digest: str = ""
    repository: Repository | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From `VERSION`, `VERSION@sha256:…` or `host[:port]/name:VERSION[@sha256:…]`. Raises ValueError."""
        tagged, at, digest = text.strip().partition("@")
        place, _, version = tagged.rpartition(":")
        if not is_version(version) or (at and not _DIGEST.fullmatch(digest)):
            raise ValueError(
                f"{text!r} names no version: write VERSION, VERSION@sha256:… or host/name:VERSION@sha256:…."
            )
        return cls(version, digest, Repository.parse(place) if place else None)

    def __str__(self) -> str:
        place = f"{self.repository}:" if self.repository else ""
        return f"{place}{self.version}" + (f"@{self.digest}" if self.digest else "")
