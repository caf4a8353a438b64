"""The signature of a directory: one file beside the others, over the names and the bytes of all of them.

It is sigstore's format for models (https://github.com/sigstore/model-transparency), made and verified with keys of an
elliptic curve, without a network: a signed list of the SHA-256 of each file.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature

from service.errors import Cause
from service.versions.keys import private_key

FILE = "model.sig"

Sign = Callable[[Path, Collection[str]], None]
"""Signs a directory, but for the files with these names."""

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What model-signing raises for a file that is no signature."""


class SignatureRefused(RuntimeError):
    """A directory is not as somebody with a trusted key has signed it; the message says why."""

    cause = Cause.SIGNATURE


def unsigned(folder: Path, beside: Collection[str]) -> None:
    """Leave a directory without a signature."""


def signing(key: Path | None) -> Sign:
    """What signs with the private key in a file; without one it signs nothing. Raises KeyUnusable."""
    if key is None:
        return unsigned
    private_key(key)
    return partial(sign, key)


def sign(key: Path, folder: Path, beside: Collection[str] = ()) -> None:
    """Write the signature of a directory, in place of an older one. The files `beside` are no part of it.

    `key` is the file of the private key. Raises ValueError for a directory that holds a link.
    """
    from model_signing.signing import Config  # heavy: it imports sigstore's clients

    Config().use_elliptic_key_signer(private_key=key).set_hashing_config(_hashing(beside)).sign(folder, folder / FILE)


def verify(folder: Path, keys: Mapping[str, bytes], beside: Collection[str] = ()) -> None:
    """Raise SignatureRefused if a directory is not as the holder of one of these public keys has signed it.

    `keys` are PEM by fingerprint. A file too many counts as a change, but for those `beside`.
    """
    from model_signing.verifying import Config  # heavy: it imports sigstore's clients

    with _checked(folder / FILE, keys) as public:
        config = Config().use_elliptic_key_verifier(public_key=public)
        config.set_hashing_config(_hashing(beside)).verify(folder, folder / FILE)


def verify_part(folder: Path, keys: Mapping[str, bytes]) -> None:
    """The same of a directory that lacks some of the files that were signed: those that are there must be as signed.

    model-signing has no public name for the check of a signature without all its files.
    """
    from model_signing._signing.sign_ec_key import Verifier  # heavy: it imports sigstore's clients
    from model_signing._signing.sign_sigstore_pb import Signature

    with _checked(folder / FILE, keys) as public:
        signed = _digests(Verifier(public).verify(Signature.read(folder / FILE)))
        others = sorted(name for name, _ in _digests(_hashing(()).hash(folder)) - signed)
        if others:
            raise ValueError(f"changed or too many: {', '.join(others)}")


@contextmanager
def _checked(file: Path, keys: Mapping[str, bytes]) -> Iterator[Path]:
    """Yield a file with the public key by which a signature must be. Raises SignatureRefused for what fails inside."""
    pem = keys.get(_fingerprint(file))
    if pem is None:
        raise SignatureRefused("it is signed with a key that is not trusted")
    with tempfile.NamedTemporaryFile(suffix=".pem") as public:
        public.write(pem)
        public.flush()
        try:
            yield Path(public.name)
        except InvalidSignature as error:
            raise SignatureRefused("its signature is not by the key that it names") from error
        except OSError as error:
            raise SignatureRefused(f"its files cannot be read ({error})") from error
        except MALFORMED as error:
            raise SignatureRefused(f"its files are not those that were signed ({error})") from error


def _digests(listed: Any) -> set[tuple[str, str]]:
    """The names and digests of the files in a list of model-signing."""
    return {(one.identifier, one.digest.digest_hex) for one in listed.resource_descriptors()}


def _fingerprint(file: Path) -> str:
    """The fingerprint of the key that a signature names. It only chooses the key that the signature must be by."""
    try:
        bundle: dict[str, Any] = json.loads(file.read_bytes())
        return str(bundle["verificationMaterial"]["publicKey"]["hint"])
    except FileNotFoundError as error:
        raise SignatureRefused("it has no signature") from error
    except OSError as error:
        raise SignatureRefused(f"{FILE} in it cannot be read ({error.strerror})") from error
    except MALFORMED as error:
        raise SignatureRefused(f"{FILE} in it is no signature") from error


def _hashing(beside: Collection[str]) -> Any:
    """How files are hashed: all but the signature itself, also those that are hidden."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[FILE, *beside], ignore_git_paths=False)
