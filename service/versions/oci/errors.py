"""What goes wrong with a registry, in words: where, what failed, what is untouched, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from service.errors import Cause


class RegistryError(RuntimeError):
    """The registry did not do what was asked."""

    cause = Cause.REGISTRY


class NotInRegistry(RegistryError):
    """The registry has no such thing."""


class Corrupt(RegistryError):
    """The registry gave (or received) other bytes than their digest says."""


class Unsupported(RegistryError):
    """The registry does not offer this."""


class CredentialError(RegistryError):
    """There are no usable credentials where some are needed."""


@dataclass(frozen=True)
class RegistryStep:
    """One thing that is asked of a registry, as its errors name it."""

    where: str
    """Host and repository."""
    what: str
    """A noun: "the upload of sha256:…"."""
    untouched: str
    """A sentence: what is as it was if this fails."""

    def failed(self, why: str, remedy: str, kind: type[RegistryError] = RegistryError) -> RegistryError:
        return kind(f"{self.where}: {self.what} failed: {why}. {self.untouched} {remedy}")
