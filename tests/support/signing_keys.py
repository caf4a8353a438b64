"""Keys for signatures, as the chart and openssl make them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")


class KeyPair(NamedTuple):
    """A private key and its certificate."""

    private: Path
    certificate: Path


def key_pair(folder: Path, name: str, kind: tuple[str, ...] = EC) -> KeyPair:
    """Make a private key and a certificate. The certificate is in a directory `trusted`, with those made before."""
    (folder / "trusted").mkdir(parents=True, exist_ok=True)
    pair = KeyPair(folder / f"{name}.key", folder / "trusted" / f"{name}.crt")
    command = ["openssl", "req", "-x509", *kind, "-nodes", "-subj", f"/CN={name}", "-days", "1"]
    files = ["-keyout", str(pair.private), "-out", str(pair.certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return pair


def public_key(pair: KeyPair, target: Path) -> Path:
    """Write the public key of a pair, without a certificate around it."""
    command = ["openssl", "ec", "-in", str(pair.private), "-pubout", "-out", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target
