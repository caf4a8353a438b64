"""Which versions are trusted: those that the holder of a trusted key has signed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from service.settings import Policy, SignatureSettings
from service.versions import lineage as lineages
from service.versions.keys import KeyUnusable, public_keys
from service.versions.signature import SignatureRefused, verify, verify_part
from service.versions.store import COMPLETE_MARKER

log = logging.getLogger(__name__)

Check = Callable[[Path], None]
"""Looks at the directory of a version's model, named after the version. Raises SignatureRefused."""

Verify = Callable[[Path, Mapping[str, bytes]], None]
"""Verifies a directory by public keys. Raises SignatureRefused."""

REMEDY = (
    "If it is from before versions were signed and you trust it, sign it where the private key is, with "
    "`spanloop sign {version}`, and set SPANLOOP_VERIFY=warn (in the chart signatures.verify) until it is signed. If a "
    "replaced key has signed it, trust that key's certificate too (SPANLOOP_TRUSTED_KEYS, in the chart "
    "signatures.alsoTrusted). Else find out who has changed it, delete it, and publish or pull it again."
)

WITHOUT_BYTECODE = (
    "A program that imported it has written that bytecode, or somebody has put it there. Delete it (`find {folder} "
    "-name '*.py[co]' -delete`), and verify the version again: all other files are still to be checked."
)
BYTECODE_NAMED = 3
"""So many files of bytecode a message names."""


class Bytecode(SignatureRefused):
    """There is bytecode beside a Bento's code."""


def unchecked(folder: Path) -> None:
    """Trust every version."""


class Trust:
    """Trusts versions by their signatures. `keys` is a file or a directory of public keys."""

    def __init__(self, policy: Policy, keys: Path | None) -> None:
        self._policy = policy
        self._keys = keys

    @classmethod
    def of(cls, settings: SignatureSettings) -> Trust:
        return cls(settings.verify, settings.trusted_keys)

    @property
    def is_off(self) -> bool:
        """Whether no signature is looked at."""
        return self._policy == "off"

    def check_model(self, folder: Path) -> None:
        """Raise SignatureRefused if a version's model is not as it was signed, and signatures are required.

        The directory is named after the version: another version's model under that name is refused, too.
        """
        self._check(folder, "model", lambda: self._verify_model(folder, verify))

    def check_description(self, folder: Path) -> None:
        """The same of a version's model of which only the files are there that describe it, without its weights."""
        self._check(folder, "description", lambda: self._verify_model(folder, verify_part))

    def check_bento(self, folder: Path) -> None:
        """The same of a version's Bento, which holds the code that `bentoml serve` runs."""
        self._check(folder, "Bento", lambda: self._verify_bento(folder))

    def _check(self, folder: Path, what: str, look: Callable[[], None]) -> None:
        if self.is_off:
            return
        try:
            look()
        except (SignatureRefused, KeyUnusable) as error:
            version = folder.name
            why = f"The {what} of version {version} is not to be trusted: {error}."
            if self._policy == "require":
                remedy = WITHOUT_BYTECODE if isinstance(error, Bytecode) else REMEDY
                told = remedy.format(version=version, folder=folder)
                raise SignatureRefused(f"{why} It was refused, and nothing of it was loaded. {told}") from error
            log.warning("%s It is used all the same, because SPANLOOP_VERIFY is %r.", why, self._policy)

    def _verify_model(self, folder: Path, verify: Verify) -> None:
        self._verify(folder, verify)
        try:
            inside = lineages.read(folder).version
        except (OSError, ValidationError) as error:
            raise SignatureRefused(f"its lineage cannot be read ({error})") from error
        if inside != folder.name:
            raise SignatureRefused(f"it is version {inside} under another name")

    def _verify_bento(self, folder: Path) -> None:
        bytecode = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py[co]"))
        if bytecode:
            named, more = ", ".join(bytecode[:BYTECODE_NAMED]), len(bytecode) - BYTECODE_NAMED
            raise Bytecode(
                "there is bytecode beside its code, which nobody has signed and which Python may run in place of the "
                f"code ({named}{f' and {more} more' if more > 0 else ''})"
            )
        self._verify(folder, partial(verify, beside=(COMPLETE_MARKER,)))

    def _verify(self, folder: Path, verify: Verify) -> None:
        if self._keys is None:
            raise KeyUnusable("no public key is set (SPANLOOP_TRUSTED_KEYS)")
        verify(folder, public_keys(self._keys))
