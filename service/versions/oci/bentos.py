"""Published versions in a registry: Bentos pushed from a local store, pulled into another."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from service.versions import lineage as lineages
from service.versions import sbom
from service.versions.lineage import Lineage
from service.versions.oci import bento_layers
from service.versions.oci import manifest as manifests
from service.versions.oci.backoff import Backoff
from service.versions.oci.catalogue import Catalogue, Published
from service.versions.oci.client import Client
from service.versions.oci.errors import Corrupt, NotInRegistry, RegistryError, RegistryStep, Unsupported
from service.versions.oci.layers import LayerError, pack
from service.versions.oci.manifest import (
    DESCRIPTION_LAYER,
    LINEAGE_CONFIG,
    MODEL_LAYER,
    MODEL_TAG_ANNOTATION,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
)
from service.versions.oci.referrers import Referrers
from service.versions.reference import Reference, Repository
from service.versions.retention import Stays, retained
from service.versions.signature import SignatureRefused
from service.versions.staging import workplace
from service.versions.store import COMPLETE_MARKER, MODEL_NAME, BentoStore, UnknownVersion
from service.versions.trust import Check, unchecked

log = logging.getLogger(__name__)


class Bentos:
    """The versions in one repository. All methods raise RegistryError.

    The tag is written last: a version is complete once it is visible. It never changes, but that `replace` signs it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._catalogue = Catalogue(client)
        self._referrers = Referrers(client)

    @classmethod
    def connect(cls, repository: str, plain_http: bool = False, patience: float = Backoff.deadline) -> Bentos:
        """The versions in `host[:port]/name`, with the credentials in DOCKER_CONFIG. Raises ValueError.

        `patience`: seconds during which a failure that may pass is retried."""
        backoff = Backoff(deadline=patience)
        return cls(Client(Repository.parse(repository), plain_http=plain_http, backoff=backoff))

    @property
    def repository(self) -> Repository:
        return self._client.repository

    def close(self) -> None:
        self._client.close()

    # Reading

    def versions(self) -> list[Published]:
        """All versions, the newest first. A tag that names no readable version is skipped and logged once."""
        return self._catalogue.survey().published

    def tags(self) -> list[str]:
        """All tags: the names of the versions, and those of other content."""
        return self._client.tags()

    def require_push(self) -> None:
        """Check that the registry lists its versions and takes uploads. Nothing is uploaded."""
        self._client.tags()
        self._client.require_push()

    def get(self, version: str | Reference) -> Published:
        """One version. Raises UnknownVersion, and FormatError for a newer format."""
        return self._catalogue.find(version)[0]

    def document(self, version: str, name: str) -> bytes:
        """A file that describes a version, its report or its verdict; the weights are not fetched.

        Raises UnknownVersion if there is none. The verdict of a version that an older release published is among the
        weights, and so it counts as none.
        """
        found, manifest = self._catalogue.find(version)
        for layer in manifest.of(DESCRIPTION_LAYER):
            try:
                content = bento_layers.described(self._client.read_blob(layer), _model_tag(found), name)
            except LayerError as error:
                step = self._step(f"the reading of {name} of {version}")
                raise step.failed(str(error), "Delete that version; it was not made by Spanloop.", Corrupt) from error
            if content is not None:
                return content
        raise UnknownVersion(f"{self.repository}: version {version} has no {name}.")

    def inspect(self, version: str | Reference, check: Check) -> None:
        """Let `check` look at the files that describe a version; the weights are not fetched.

        Raises UnknownVersion, FormatError, and SignatureRefused where `check` refuses the version.
        """
        with tempfile.TemporaryDirectory(prefix="spanloop-description-") as stage:
            found, manifest = self._catalogue.find(version)
            check(self._fetch(found, manifest, Path(stage), manifest.of(DESCRIPTION_LAYER)))

    # Pushing and pulling

    def push(self, store: BentoStore, version: str) -> str:
        """Publish a version of the local store. Returns the digest of its manifest. Raises UnknownVersion.

        Layers that the registry has are not sent again. If it has the version with the same content, nothing is sent;
        if it has it with other content, RegistryError is raised.
        """
        return self._push(store, version, self._is_there)

    def replace(self, store: BentoStore, version: str) -> str:
        """Publish a version of the local store that was signed there, in place of the unsigned one.

        References with the unsigned one's digest stay good until the registry's next garbage collection. Returns the
        digest of the new manifest. Raises UnknownVersion.
        """
        before = self.get(version).digest
        digest = self._push(store, version, lambda version, digest: False)
        if digest != before:
            self._detach_sbom(before)
        return digest

    def _push(self, store: BentoStore, version: str, is_there: Callable[[str, str], bool]) -> str:
        """Publish a version, unless `is_there` says of its name and its digest that the registry has it."""
        config = (store.fetch(version) / lineages.FILE).read_bytes()
        lineage = store.get(version)
        with workplace(store.home / ".push") as folder:
            files, layers = {}, []
            for number, part in enumerate(bento_layers.split(store.home, version)):
                path = folder / f"{number}.tar"
                digest, size = pack(part.files, path)
                files[digest] = path
                layers.append(
                    Descriptor(media_type=part.media_type, digest=digest, size=size, annotations=part.annotations)
                )
            described = Descriptor(media_type=LINEAGE_CONFIG, digest=digest_of(config), size=len(config))
            raw = manifests.make(lineage, described, layers)
            if is_there(version, digest_of(raw)):
                log.info("%s has version %s already; nothing was sent", self.repository, version)
                return digest_of(raw)
            sent = [layer.size for layer in layers if self._client.push_blob(layer, files[layer.digest])]
        self._client.push_blob(described, config)
        self._attach_sbom(store.fetch(version) / sbom.FILE, raw)
        digest = self._client.put_manifest(version, raw)
        log.info(
            "%s: pushed %s (%d of %d layers, %d bytes)", self.repository, version, len(sent), len(layers), sum(sent)
        )
        return digest

    def _attach_sbom(self, file: Path, raw: bytes) -> None:
        """Attach a version's list of materials, which is in the version, to its manifest: other tools find it there.

        A registry that takes no such document is told in the log, and the version is published all the same.
        """
        if not file.exists():
            return  # an older release has made the version
        subject = Descriptor(media_type=OCI_MANIFEST, digest=digest_of(raw), size=len(raw))
        try:
            self._referrers.attach(subject, sbom.MEDIA_TYPE, file.read_bytes())
        except RegistryError as error:
            log.warning("the SBOM is in the version alone, where `spanloop sbom` finds it: %s", error)

    def _detach_sbom(self, digest: str) -> None:
        """Delete the list of materials that refers to a manifest. A registry that refuses is told in the log."""
        try:
            self._referrers.detach(digest, sbom.MEDIA_TYPE)
        except RegistryError as error:
            log.warning("an SBOM stays in the registry without its version: %s", error)

    def pull(self, version: str | Reference, store: BentoStore) -> Lineage:
        """Copy a version into the local store. Returns its lineage.

        If the store has the version, it is left as it is; with other content, RegistryError is raised.
        """
        with workplace(store.home / ".pull") as stage:
            found, manifest = self._catalogue.find(version)
            marker = bento_layers.bento_folder(store.home, found.version) / COMPLETE_MARKER
            if marker.exists():
                self._check_same(store.fetch(found.version), manifest, found)
                return found.lineage
            self._fetch(found, manifest, stage, list(manifest.layers))
            self._check_whole(found, stage)
            bento_layers.install(
                stage,
                store,
                found.version,
                # A model may have a second layer, with its base's weights.
                list(dict.fromkeys(model.annotations[MODEL_TAG_ANNOTATION] for model in manifest.of(MODEL_LAYER))),
            )
        log.info("%s: pulled %s", self.repository, found.version)
        return found.lineage

    def pull_model(self, version: str | Reference, folder: Path, check: Check = unchecked) -> Lineage:
        """Write a version's model directory as `folder`, all of it or nothing. Returns the version's lineage.

        `check` looks at what was downloaded before it is put there, and raises SignatureRefused to refuse it.

        `folder` must not be a mount point: one rename puts it into its parent. If it holds this version already and
        `check` does not refuse that, nothing is done: a copy that was pulled before the version was signed is pulled
        anew. If it holds anything else, RegistryError is raised.
        """
        with workplace(folder.parent / f".{folder.name}.part") as stage:
            found, manifest = self._catalogue.find(version)
            if folder.exists() and any(folder.iterdir()):
                self._check_same(folder, manifest, found)
                if self._is_trusted(folder, check):
                    return found.lineage
            models = [
                layer
                for layer in manifest.of(MODEL_LAYER)
                if layer.annotations.get(MODEL_TAG_ANNOTATION) == _model_tag(found)
            ]
            model = self._fetch(found, manifest, stage, manifest.of(DESCRIPTION_LAYER) + models)
            check(model)
            if folder.exists():
                shutil.rmtree(folder)
            model.replace(folder)
        log.info("%s: pulled the model of %s", self.repository, found.version)
        return found.lineage

    def _is_trusted(self, folder: Path, check: Check) -> bool:
        """Whether a copy that is there may stay."""
        try:
            check(folder)
        except SignatureRefused as refused:
            log.warning("%s: the copy in %s is pulled anew: %s", self.repository, folder, refused)
            return False
        return True

    # Deleting

    def delete(self, version: str) -> None:
        """Delete a version. The registry's next garbage collection frees its bytes. Raises UnknownVersion.

        If other tags name its manifest too, only the version's own tag is deleted.
        """
        found = self.get(version)
        self._delete(found, self._catalogue.survey().others(found))

    def prune(self, keep: int, in_use: Collection[str]) -> list[Published]:
        """Delete all versions but the `keep` newest, those `in_use` (versions or references), and those that any
        other tag names as well. Returns the deleted ones. Raises ValueError for a negative `keep` or no reference."""
        survey = self._catalogue.survey()
        others = {known.version: tags for known in survey.published if (tags := survey.others(known))}
        stays = retained([known.reference for known in survey.published], keep, in_use, others)
        for version, why in stays.items():
            if why is Stays.TAGGED:
                log.info("version %s is kept: it has the tag %s too", version, ", ".join(others[version]))
        old = [known for known in survey.published if known.version not in stays]
        for published in old:
            self._delete(published, others=[])
        return old

    def _delete(self, published: Published, others: list[str]) -> None:
        if not others:
            self._client.delete_manifest(published.digest)
            self._detach_sbom(published.digest)
            return
        try:
            self._client.delete_manifest(published.version)
        except Unsupported as error:
            raise Unsupported(
                f"{self.repository}: version {published.version} has the same content as {', '.join(others)}, and this "
                "registry cannot delete one tag alone. Nothing was deleted. Delete those tags first."
            ) from error

    # Checks

    def _is_there(self, version: str, digest: str) -> bool:
        """Whether the tag names this content already. Raises RegistryError if it names other content."""
        try:
            _, there = self._client.manifest(version)
        except NotInRegistry:
            return False
        if there == digest:
            return True
        raise RegistryError(
            f"{self.repository} has a version {version} with other content ({there}, not {digest}). It was left as it "
            "is. Delete it first, or publish under another version."
        )

    def _fetch(self, found: Published, manifest: Manifest, stage: Path, layers: list[Descriptor]) -> Path:
        """Download these layers into a store under `stage`. Returns the model's directory there, which is this
        version's."""
        step = self._step(f"the pull of {found.version}")
        for layer in layers:
            path = stage / "layer.tar"
            self._client.pull_blob(layer, path)
            try:
                bento_layers.unpack(path, layer.media_type, layer.annotations, stage, found.version)
            except LayerError as error:
                raise step.failed(str(error), "Delete that version; it was not made by Spanloop.", Corrupt) from error
            path.unlink()
        model = bento_layers.model_folder(stage, _model_tag(found))
        inside = model / lineages.FILE
        if not inside.is_file() or digest_of(inside.read_bytes()) != manifest.config.digest:
            raise step.failed("it lacks the version's own model", "Delete that version; publish it anew.", Corrupt)
        if not any(layer.annotations.get(MODEL_TAG_ANNOTATION) == _model_tag(found) for layer in manifest.layers):
            raise step.failed("it has no layer with its own weights", "Delete that version; publish it anew.", Corrupt)
        return model

    def _check_same(self, folder: Path, manifest: Manifest, found: Published) -> None:
        """Raises RegistryError if a model directory does not hold this very version."""
        file = folder / lineages.FILE
        if not file.is_file() or digest_of(file.read_bytes()) != manifest.config.digest:
            raise self._step(f"the pull of {found.version}").failed(
                f"{folder} is there already and holds something else",
                "Look at what it holds; move it away, or pull to another place.",
            )

    def _check_whole(self, found: Published, stage: Path) -> None:
        """Raises Corrupt if there is a model alone, without its Bento."""
        if not (bento_layers.bento_folder(stage, found.version) / "bento.yaml").is_file():
            step = self._step(f"the pull of {found.version}")
            raise step.failed("it holds no Bento", "Delete that version; publish it anew.", Corrupt)

    def _step(self, what: str) -> RegistryStep:
        return RegistryStep(str(self.repository), what, "Nothing was changed here or there.")


def _model_tag(found: Published) -> str:
    return f"{MODEL_NAME}:{found.version}"
