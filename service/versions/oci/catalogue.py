"""The versions that a repository holds: its tags, read and separated from other content."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from service.versions import lineage as lineages
from service.versions.lineage import FormatError, Lineage
from service.versions.oci import manifest as manifests
from service.versions.oci.client import Client
from service.versions.oci.errors import Corrupt, NotInRegistry, RegistryError, RegistryStep
from service.versions.oci.manifest import Foreign, Manifest
from service.versions.oci.referrers import is_index
from service.versions.reference import Reference, Repository
from service.versions.store import UnknownVersion

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A version in the registry."""

    lineage: Lineage
    digest: str
    """The digest of its manifest, which pins every byte of the version."""
    repository: Repository

    @property
    def version(self) -> str:
        return self.lineage.version

    @property
    def reference(self) -> Reference:
        return Reference(self.version, self.digest, self.repository)


@dataclass
class Survey:
    """What a repository holds at one moment."""

    published: list[Published] = field(default_factory=list)
    """Newest first."""
    tags: dict[str, list[str]] = field(default_factory=dict)
    """All tags by the digest of the manifest that they name, also those that name no version."""

    def others(self, published: Published) -> list[str]:
        """The tags beside the version's own that name its manifest."""
        return [tag for tag in self.tags.get(published.digest, []) if tag != published.version]


class Catalogue:
    """Reads the versions of one repository. Each lineage is fetched once, since the manifest's digest pins it."""

    def __init__(self, client: Client) -> None:
        self._client, self._where = client, client.repository
        self._lineages: dict[str, Lineage] = {}
        self._skipped: set[tuple[str, str]] = set()

    def survey(self) -> Survey:
        """Read all tags. One that names no readable version is skipped and logged once."""
        survey = Survey()
        for tag in self._client.tags():
            if is_index(tag):
                continue
            digest = ""
            try:
                raw, digest = self._client.manifest(tag)
                survey.tags.setdefault(digest, []).append(tag)
                survey.published.append(self._published(Reference(tag, digest), manifests.parse(raw), digest))
            except (Foreign, Corrupt, NotInRegistry, FormatError) as error:
                if isinstance(error, NotInRegistry) and not digest:
                    continue  # deleted since the tags were listed
                if (tag, digest) not in self._skipped:
                    log.warning("%s: the tag %s is skipped: %s", self._where, tag, error)
                self._skipped.add((tag, digest))
        survey.published.sort(key=lambda known: (known.lineage.created.timestamp(), known.version), reverse=True)
        self._lineages = {known.digest: known.lineage for known in survey.published}
        return survey

    def find(self, version: str | Reference) -> tuple[Published, Manifest]:
        """A version and its manifest. Raises UnknownVersion, FormatError, and RegistryError for what is no version."""
        wanted = version if isinstance(version, Reference) else Reference.parse(version)
        if wanted.repository and wanted.repository != self._where:
            raise RegistryError(
                f"{wanted} is in another repository than the one that is set, {self._where}. Neither was asked. "
                "Set SPANLOOP_REGISTRY to the one that holds it."
            )
        try:
            raw, digest = self._client.manifest(wanted.digest or wanted.version)
        except NotInRegistry as error:
            raise UnknownVersion(
                f"{self._where} has no version {str(wanted)!r}; `spanloop versions` lists them."
            ) from error
        try:
            manifest = manifests.parse(raw)
            return self._published(wanted, manifest, digest), manifest
        except Foreign as error:
            step = RegistryStep(str(self._where), f"the download of {wanted}", "Nothing was changed.")
            raise step.failed(str(error), "`spanloop versions` lists the versions.", Corrupt) from error

    def _published(self, wanted: Reference, manifest: Manifest, digest: str) -> Published:
        """The version that a manifest publishes. Raises Foreign if it is not `wanted`."""
        lineage = self._lineages.get(digest)
        if lineage is None:
            lineage = self._read_lineage(self._client.read_blob(manifest.config), f"{self._where}:{wanted}")
        if lineage.version != wanted.version:
            raise Foreign(f"it is version {lineage.version} under another name")
        return Published(lineage, digest, self._where)

    def _read_lineage(self, raw: bytes, where: str) -> Lineage:
        """The lineage in `raw`. Raises FormatError for a newer format, and Foreign if it is no lineage."""
        with tempfile.TemporaryDirectory(prefix="spanloop-lineage-") as name:
            (Path(name) / lineages.FILE).write_bytes(raw)
            try:
                return lineages.read(Path(name))
            except FormatError as error:
                raise FormatError(str(error).replace(name, where)) from None
            except (ValidationError, UnicodeDecodeError) as error:
                raise Foreign(f"its lineage is malformed ({type(error).__name__})") from error
