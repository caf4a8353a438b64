"""Credentials for a registry, from the config.json that Docker and Kubernetes (dockerconfigjson) write."""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.versions.oci.errors import CredentialError
from service.versions.reference import HUB, Repository

_HUB_KEYS = ("index.docker.io", "registry-1.docker.io")
_API = ("", "v1", "v2")
"""Paths in a key that mean the whole host: Docker Hub's key is still https://index.docker.io/v1/."""


@dataclass(frozen=True)
class Credential:
    """User name and password, or an identity token that is exchanged for a bearer token."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Keychain:
    """The credentials in one config.json. Each search reads the file: Kubernetes renews a mounted secret in place."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` holds config.json; by default DOCKER_CONFIG, else ~/.docker."""
        home = Path(os.environ.get("HOME", "/"), ".docker")
        self.path = (folder or Path(os.environ.get("DOCKER_CONFIG") or home)) / "config.json"

    def find(self, repository: Repository) -> Credential | None:
        """The credentials for a repository; None if there are none. Raises CredentialError."""
        config = self._read()
        helper = _most_specific(_section(config, "credHelpers"), repository)
        if helper is not None:
            raise self._error(
                f"names the credential helper {helper!r} for {repository.host}, a program that is not run here"
            )
        entry = _most_specific(_section(config, "auths"), repository)
        if entry is None:
            return None
        if not isinstance(entry, dict):
            raise self._error(f"holds no object for {repository.host}")
        if not entry and config.get("credsStore"):
            raise self._error(
                f"keeps the credentials for {repository.host} in the store {config['credsStore']!r}, "
                "a program that is not run here"
            )
        return self._credential(entry, repository.host)

    def _read(self) -> dict[str, Any]:
        try:
            config = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            # A JSON parser's error holds the whole text, so only its type is shown.
            raise self._error(f"cannot be read ({type(error).__name__})") from None
        if not isinstance(config, dict):
            raise self._error("holds no JSON object")
        return config

    def _credential(self, entry: dict[str, Any], host: str) -> Credential:
        username, password = str(entry.get("username", "")), str(entry.get("password", ""))
        if entry.get("auth"):
            try:
                decoded = base64.b64decode(str(entry["auth"]), validate=True).decode().strip("\n\0")
            except (binascii.Error, UnicodeDecodeError):
                raise self._error(f"has an `auth` for {host} that is not base64 of user:password") from None
            username, _, password = decoded.partition(":")
        token = str(entry.get("identitytoken", ""))
        if not token and not (username and password):
            raise self._error(f"has an entry for {host} without `auth`, username and password, or identitytoken")
        return Credential(username, password, token)

    def _error(self, what: str) -> CredentialError:
        return CredentialError(
            f"{self.path} {what}. The registry was not asked. Write user name and password there under `auths` "
            "(`docker login` without a helper, or `kubectl create secret docker-registry`)."
        )


def _section(config: dict[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _most_specific(section: dict[str, Any], repository: Repository) -> Any | None:
    """The entry whose key names the repository's host and the longest part of its path."""
    best, found = -1, None
    for key, entry in section.items():
        host, _, path = key.removeprefix("https://").removeprefix("http://").partition("/")
        path = path.strip("/")
        path = "" if path in _API else path
        named = host == repository.host or (repository.host == HUB and host in _HUB_KEYS)
        within = not path or f"{repository.name}/".startswith(f"{path}/")
        if named and within and len(path) > best:
            best, found = len(path), entry
    return found
