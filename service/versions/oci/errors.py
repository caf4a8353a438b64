"""Errors of a registry. Each says where, what failed, what is untouched and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from service.errors import Cause


class RegistryError(RuntimeError):
    """The registry did not do what was asked."""

    cause = Cause.REGISTRY


class NotInRegistry(RegistryError):
    """The registry has no such thing."""


class Corrupt(RegistryError):
    """The registry sent or stored bytes that do not match their digest, or that are no usable version."""


class Unsupported(RegistryError):
    """The registry does not offer this operation."""


class CredentialError(RegistryError):
    """The registry asks for credentials, and there are no usable ones."""


@dataclass(frozen=True)
class RegistryStep:
    """One operation on a registry, as its errors name it."""

    where: str
    """Host and repository."""
    what: str
    """A noun: "the upload of sha256:…"."""
    untouched: str
    """A sentence that says what is unchanged if the step fails."""

    def failed(self, why: str, remedy: str, kind: type[RegistryError] = RegistryError) -> RegistryError:
        return kind(f"{self.where}: {self.what} failed: {why}. {self.untouched} {remedy}")
