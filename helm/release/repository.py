"""One repository of a release in the registry, and what was put there."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from helm.release import signing
from helm.release.image import Layout
from helm.release.programs import Refused
from service.versions.oci.client import Client
from service.versions.oci.errors import NotInRegistry
from service.versions.oci.manifest import OCI_MANIFEST, Descriptor, digest_of
from service.versions.oci.referrers import Referrers
from service.versions.reference import Repository


@dataclass(frozen=True)
class Artefact:
    """A manifest in a repository."""

    name: str
    """What it is; unique in the release."""
    repository: str
    manifest: Descriptor
    size: int
    """Bytes of the manifest and of the blobs that it names."""
    tag: str
    """"" for one that is found by what it refers to."""

    @property
    def digest(self) -> str:
        return self.manifest.digest


class ReleaseRepository:
    """A repository. All methods raise RegistryError."""

    def __init__(self, name: str, key: EllipticCurvePrivateKey) -> None:
        """Raises Refused for what is no name of a repository."""
        self.name = name
        self.artefacts: list[Artefact] = []
        try:
            self._client = Client(Repository.parse(name))
        except ValueError as error:
            raise Refused(f"{error} Nothing was built or pushed.") from error
        self._referrers = Referrers(self._client)
        self._key = key

    # Before anything is sent

    def require_free(self, tag: str, digest: str) -> None:
        """Raises Refused if a tag names another manifest than the one with this digest."""
        raw = self._manifest(tag)
        if raw and digest_of(raw) != digest:
            raise self._taken(tag, digest_of(raw), digest)

    def has_chart(self, tag: str, digest: str) -> bool:
        """Whether a tag names the chart whose archive has this digest. Raises Refused if it names something else."""
        raw = self._manifest(tag)
        there = [layer.digest for layer in _layers(raw)]
        if raw and there != [digest]:
            raise self._taken(tag, " ".join(there), digest)
        return bool(raw)

    def _taken(self, tag: str, there: str, here: str) -> Refused:
        return Refused(
            f"{self.name}:{tag} is there with other content ({there}, not {here}). Nothing was pushed, and it "
            "stays as it is. Raise the version, or release the commit from which that one was made."
        )

    # Sending

    def send_image(self, layout: Layout, tag: str) -> Artefact:
        """Send an image, to which the tag does not lead yet."""
        for blob in layout.blobs:
            self._client.push_blob(blob, layout.path(blob))
        self._client.put_manifest(digest_of(layout.manifest), layout.manifest)
        return self._sent("image", layout.manifest, tag)

    def show_image(self, layout: Layout, tag: str) -> None:
        """Let the tag lead to an image that was sent."""
        self._client.put_manifest(tag, layout.manifest)

    def chart(self, tag: str, digest: str) -> Artefact:
        """The chart that was pushed. Raises Refused if the tag names another than the archive with this digest."""
        raw, _ = self._client.manifest(tag)
        there = [layer.digest for layer in _layers(raw)]
        if there != [digest]:
            raise Refused(
                f"{self.name}:{tag} does not name the chart that was pushed ({' '.join(there)}, not {digest}). It is "
                "not signed. Somebody else may push there at the same time: look at the registry, then run this again."
            )
        return self._sent("chart", raw, tag)

    def attach(self, subject: Artefact, name: str, media_type: str, content: bytes) -> None:
        """Let a document refer to a manifest, and sign it."""
        made = self._referrers.attach(subject.manifest, media_type, content)
        raw, _ = self._client.manifest(made.digest)
        self.sign(self._sent(f"{subject.name}-{name}", raw, ""))

    def sign(self, artefact: Artefact) -> None:
        """Sign a manifest. Signatures by other keys stay."""
        tag, payload = signing.tag(artefact.digest), signing.payload(self.name, artefact.digest)
        layer = signing.sign(payload, self._key)
        others = [one for one in _layers(self._manifest(tag)) if one != layer]
        raw, config = signing.manifest([*others, layer])
        self._client.push_blob(layer, payload)
        self._client.push_blob(signing.described(config), config)
        self._client.put_manifest(tag, raw)
        self._sent(f"{artefact.name}-signature", raw, tag)

    def _sent(self, name: str, raw: bytes, tag: str) -> Artefact:
        content = json.loads(raw)
        size = len(raw) + sum(blob["size"] for blob in (content["config"], *content["layers"]))
        manifest = Descriptor(media_type=OCI_MANIFEST, digest=digest_of(raw), size=len(raw))
        made = Artefact(name, self.name, manifest, size, tag)
        self.artefacts.append(made)
        return made

    def _manifest(self, tag: str) -> bytes:
        """The bytes that a tag names; empty if there is no such tag."""
        try:
            return self._client.manifest(tag)[0]
        except NotInRegistry:
            return b""


def _layers(raw: bytes) -> list[Descriptor]:
    return [Descriptor.model_validate(one) for one in json.loads(raw or b"{}").get("layers", [])]
