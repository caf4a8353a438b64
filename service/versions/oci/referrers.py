"""What refers to a manifest, by the OCI distribution specification 1.1: documents that tools find by its digest.

A registry lists them by its own API. One without that API has an index of them, under a tag that is made of the digest.
"""

from __future__ import annotations

import json
import re

from service.versions.oci import manifest as manifests
from service.versions.oci.client import Client
from service.versions.oci.errors import NotInRegistry
from service.versions.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Referrer, digest_of

_TAG = re.compile(r"sha256-[0-9a-f]{64}")


def is_index(tag: str) -> bool:
    """Whether a tag names the index of what refers to a manifest."""
    return _TAG.fullmatch(tag) is not None


class Referrers:
    """The referrers in one repository. All methods raise RegistryError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def attach(self, subject: Descriptor, artifact_type: str, content: bytes) -> Referrer:
        """Let a document refer to a manifest, which need not be there yet. A second time it changes nothing.

        Returns the document's own manifest."""
        document = Descriptor(media_type=artifact_type, digest=digest_of(content), size=len(content))
        self._client.push_blob(document, content)
        self._client.push_blob(manifests.EMPTY, manifests.EMPTY_CONTENT)
        raw = manifests.referring(subject, artifact_type, document)
        made = Referrer(media_type=OCI_MANIFEST, digest=digest_of(raw), size=len(raw), artifact_type=artifact_type)
        self._client.put_manifest(made.digest, raw)
        if self._client.referrers(subject.digest) is None:
            others = [one for one in self._indexed(subject.digest) if one.digest != made.digest]
            self._put_index(subject.digest, [*others, made])
        return made

    def detach(self, subject: str, artifact_type: str) -> None:
        """Delete the documents of a type that refer to a manifest with this digest. Others stay."""
        listed = self._client.referrers(subject)
        known = self._indexed(subject) if listed is None else listed
        for one in known:
            if one.artifact_type == artifact_type:
                self._client.delete_manifest(one.digest)
        if listed is None and known:
            self._put_index(subject, [one for one in known if one.artifact_type != artifact_type])

    def _indexed(self, subject: str) -> list[Referrer]:
        """What the index of a manifest lists; nothing if there is none, or it is no index."""
        try:
            raw, _ = self._client.manifest(_tag(subject))
        except NotInRegistry:
            return []
        try:
            return manifests.referrers_in(json.loads(raw))
        except ValueError:
            return []

    def _put_index(self, subject: str, referrers: list[Referrer]) -> None:
        """Replace the index of a manifest. An empty one is deleted."""
        tag = _tag(subject)
        if referrers:
            self._client.put_manifest(tag, manifests.index(referrers), OCI_INDEX)
        else:
            _, digest = self._client.manifest(tag)
            self._client.delete_manifest(digest)


def _tag(subject: str) -> str:
    return subject.replace(":", "-")
