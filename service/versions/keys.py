"""The public keys of signatures: PEM files with an elliptic-curve key, or with a certificate of one.

A certificate only carries its key: neither its dates nor its issuer are looked at.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from service.errors import Cause

CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""The curves of sigstore's signatures."""


class KeyUnusable(RuntimeError):
    """A key cannot be read, or is none of an elliptic curve that signatures use."""

    cause = Cause.SIGNATURE


def public_keys(path: Path) -> dict[str, bytes]:
    """The public keys in a file, or in the files of a directory, as PEM by their fingerprints. Raises KeyUnusable."""
    try:
        files = sorted(path.glob("[!.]*")) if path.is_dir() else [path]
        return dict(_public_key(file) for file in files)
    except OSError as error:
        raise KeyUnusable(f"the public keys in {path} cannot be read ({error.strerror})") from error


def private_key(file: Path) -> EllipticCurvePrivateKey:
    """The private key in a file. Raises KeyUnusable."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise KeyUnusable(f"the private key {file} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{file} holds no private key in PEM that has no password ({error})") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise KeyUnusable(f"the private key {file} is none of an elliptic curve ({', '.join(CURVES)})")
    return key


def _public_key(file: Path) -> tuple[str, bytes]:
    """The fingerprint and the PEM of a file's public key. model-signing names keys by the same fingerprint."""
    content = file.read_bytes()
    try:
        if b"-----BEGIN CERTIFICATE-----" in content:
            key = x509.load_pem_x509_certificate(content).public_key()
        else:
            key = load_pem_public_key(content)  # type: ignore[assignment]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{file} holds neither a public key nor a certificate in PEM ({error})") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise KeyUnusable(f"the public key in {file} is none of an elliptic curve ({', '.join(CURVES)})")
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest(), pem
