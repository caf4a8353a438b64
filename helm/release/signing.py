"""Signatures of manifests, in the format of cosign: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md

A signature says "the manifest with this digest". It is under a tag that is made of the digest, in the same repository.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from helm.release.programs import Refused
from service.versions import keys
from service.versions.oci.manifest import OCI_MANIFEST, Descriptor, digest_of

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
"""Annotation of a payload's layer: the signature in base64."""
CONFIG = "application/vnd.oci.image.config.v1+json"
MAKE_KEY = "openssl ecparam -name prime256v1 -genkey -noout -out $HOME/release.key"


def key(path: str) -> EllipticCurvePrivateKey:
    """The private key of the project. Raises Refused."""
    if not path:
        raise Refused(f"No key was named. Nothing was built or pushed. Name it: KEY=$HOME/release.key (`{MAKE_KEY}`).")
    try:
        found = keys.private_key(Path(path))
    except keys.KeyUnusable as error:
        raise Refused(f"{error}. Nothing was built or pushed. Name another one, or make one: `{MAKE_KEY}`.") from error
    if not isinstance(found.curve, SECP256R1):
        raise Refused(f"The key {path} is not of the curve P-256. Nothing was built or pushed. Make one: `{MAKE_KEY}`.")
    return found


def public_pem(private: EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def tag(digest: str) -> str:
    """The tag of the signatures of a manifest."""
    return digest.replace(":", "-") + ".sig"


def payload(repository: str, digest: str) -> bytes:
    """What is signed of a manifest."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return _json({"critical": critical, "optional": None})


def sign(content: bytes, private: EllipticCurvePrivateKey) -> Descriptor:
    """The layer of a payload and its signature, which is the same each time (RFC 6979)."""
    signature = base64.b64encode(private.sign(content, ECDSA(SHA256(), deterministic_signing=True))).decode()
    return Descriptor(
        media_type=PAYLOAD, digest=digest_of(content), size=len(content), annotations={SIGNATURE: signature}
    )


def manifest(layers: list[Descriptor]) -> tuple[bytes, bytes]:
    """The manifest of signatures, and its config: that of an image whose layers are the payloads."""
    rootfs = {"type": "layers", "diff_ids": [layer.digest for layer in layers]}
    config = _json({"architecture": "", "config": {}, "history": [{}] * len(layers), "os": "", "rootfs": rootfs})
    content = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": _dumped(described(config))}
    return _json({**content, "layers": [_dumped(layer) for layer in layers]}), config


def described(config: bytes) -> Descriptor:
    return Descriptor(media_type=CONFIG, digest=digest_of(config), size=len(config))


def _dumped(blob: Descriptor) -> dict[str, Any]:
    return blob.model_dump(by_alias=True, exclude_defaults=True)


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
