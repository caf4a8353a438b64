"""One repository of a registry over HTTP, by the OCI distribution specification 1.1."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from service.versions.oci.backoff import Backoff, Passing
from service.versions.oci.connection import Connection
from service.versions.oci.credentials import Keychain
from service.versions.oci.errors import Corrupt, RegistryError, RegistryStep, Unsupported
from service.versions.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Referrer, digest_of, referrers_in
from service.versions.reference import Repository

log = logging.getLogger(__name__)

_MANIFESTS = (
    OCI_MANIFEST,
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
"""All that a tag may name: the registry must send a foreign manifest as it is, so that it is recognized."""
_BYTES = "application/octet-stream"
_LARGEST_DOCUMENT = 4 << 20
"""Most bytes of a manifest, by the specification."""
_LARGEST_PAGE = 16 << 20
"""Most bytes of a page of tags, and of a blob that is held in memory."""


class Client:
    """A repository. All methods retry failures that may pass, then raise RegistryError."""

    def __init__(
        self,
        repository: Repository,
        *,
        plain_http: bool = False,
        keychain: Keychain | None = None,
        backoff: Backoff | None = None,
        timeout: float = 120,
    ) -> None:
        """`timeout`: seconds without progress after which an attempt fails."""
        self.repository = repository
        self._connection = Connection(repository, plain_http, keychain or Keychain(), timeout)
        self._backoff = backoff or Backoff()

    def close(self) -> None:
        self._connection.close()

    def _step(self, what: str, untouched: str) -> RegistryStep:
        return RegistryStep(str(self.repository), what, untouched)

    # Blobs

    def push_blob(self, blob: Descriptor, content: bytes | Path) -> bool:
        """Send a blob unless the registry has it; a file is streamed. Returns whether it was sent."""
        step = self._step(f"the upload of {blob.digest}", "No tag was changed.")
        return self._backoff.run(lambda: self._upload(blob, content, step), step)

    def require_push(self) -> None:
        """Begin an upload and give it up: the registry says whether it would take one. Raises RegistryError."""
        step = self._step("the beginning of an upload", "Nothing was uploaded.")

        def attempt() -> httpx.URL | None:
            begin = self._connection.exchange(step, "POST", "blobs/uploads/", ok=(202,), actions="pull,push")
            with begin as answer:
                location = answer.headers.get("Location")
                return answer.url.join(location) if location else None

        begun = self._backoff.run(attempt, step)
        if begun is None:
            raise step.failed("the registry did not say where to send it", "Look at the registry's log.")
        try:
            with self._connection.exchange(step, "DELETE", begun, ok=(200, 202, 204), actions="pull,push"):
                pass
        except (Passing, RegistryError) as error:
            log.debug("an upload that was given up is left to the registry, which forgets it by itself: %s", error)

    def read_blob(self, blob: Descriptor) -> bytes:
        """The bytes of a blob of 16 MiB at most."""
        step = self._step(f"the download of {blob.digest}", "Nothing was changed.")
        if blob.size > _LARGEST_PAGE:
            raise step.failed(f"it has {blob.size} bytes, too many to hold in memory", "Delete that version.", Corrupt)
        received = bytearray()

        def attempt() -> None:
            received.clear()
            for chunk in self._chunks(blob, step):
                received.extend(chunk)

        self._backoff.run(attempt, step)
        return bytes(received)

    def pull_blob(self, blob: Descriptor, path: Path) -> None:
        """Stream a blob into a file. If that fails, the file is deleted."""

        def attempt() -> None:
            with path.open("wb") as file:
                for chunk in self._chunks(blob, step):
                    file.write(chunk)

        step = self._step(f"the download of {blob.digest}", "Nothing of it was kept.")
        try:
            self._backoff.run(attempt, step)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _upload(self, blob: Descriptor, content: bytes | Path, step: RegistryStep) -> bool:
        with self._connection.exchange(step, "HEAD", f"blobs/{blob.digest}", ok=(200, 404)) as answer:
            if answer.status_code == 200:
                return False
        with self._connection.exchange(step, "POST", "blobs/uploads/", ok=(202,), actions="pull,push") as answer:
            location = answer.headers.get("Location")
            if not location:
                raise step.failed("the registry did not say where to send it", "Look at the registry's log.")
            target = answer.url.join(location).copy_merge_params({"digest": blob.digest})
        headers = {"Content-Type": _BYTES, "Content-Length": str(blob.size)}
        put = self._connection.exchange(
            step, "PUT", target, ok=(201, 404), actions="pull,push", headers=headers, content=content
        )
        with put as answer:
            if answer.status_code == 404:
                raise Passing("the registry forgot the upload while it was sent")
        return True

    def _chunks(self, blob: Descriptor, step: RegistryStep) -> Iterator[bytes]:
        """The bytes of a blob. The iteration ends only after their size and digest were found right."""
        digest, size = hashlib.sha256(), 0
        with self._connection.exchange(step, "GET", f"blobs/{blob.digest}", ok=(200,)) as answer:
            for chunk in answer.iter_bytes():
                digest.update(chunk)
                size += len(chunk)
                if size > blob.size:
                    raise _other_bytes(step, f"more than its {blob.size} bytes came")
                yield chunk
        if size < blob.size:
            raise Passing(f"the connection ended after {size} of {blob.size} bytes")
        if f"sha256:{digest.hexdigest()}" != blob.digest:
            raise _other_bytes(step, f"what came has the digest sha256:{digest.hexdigest()}")

    # Manifests

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """The stored bytes of the manifest that a tag or digest names, and their digest. Raises NotInRegistry."""
        step = self._step(f"the download of {reference}", "Nothing was changed.")
        raw, announced = self._backoff.run(lambda: self._manifest(reference, step), step)
        wanted = reference if ":" in reference else announced
        if wanted and wanted.startswith("sha256:") and digest_of(raw) != wanted:
            raise _other_bytes(step, f"what came has the digest {digest_of(raw)}, not {wanted}")
        return raw, digest_of(raw)

    def _manifest(self, reference: str, step: RegistryStep) -> tuple[bytes, str]:
        url, headers = f"manifests/{reference}", {"Accept": ", ".join(_MANIFESTS)}
        with self._connection.exchange(step, "GET", url, ok=(200,), headers=headers) as answer:
            raw = _bounded(answer, _LARGEST_DOCUMENT, step)
            return raw, answer.headers.get("Docker-Content-Digest", "")

    def put_manifest(self, tag: str, raw: bytes, media_type: str = OCI_MANIFEST) -> str:
        """Store a manifest under a tag, which makes it visible, or under its digest. Returns its digest."""
        step = self._step(
            f"the tag {tag}", "The tag is as it was, unless an answer was lost on the way; pushing again does no harm."
        )
        headers = {"Content-Type": media_type, "Content-Length": str(len(raw))}
        url = f"manifests/{tag}"

        def attempt() -> str:
            put = self._connection.exchange(
                step, "PUT", url, ok=(201,), actions="pull,push", headers=headers, content=raw
            )
            with put as answer:
                return str(answer.headers.get("Docker-Content-Digest", ""))

        stored = self._backoff.run(attempt, step)
        if stored.startswith("sha256:") and stored != digest_of(raw):
            raise _other_bytes(step, f"the registry stored it as {stored}, not as {digest_of(raw)}")
        return digest_of(raw)

    def delete_manifest(self, reference: str) -> None:
        """Delete a manifest by digest, with all tags that name it, or one tag alone. Raises Unsupported.

        A manifest or tag that does not exist counts as deleted.
        """
        step = self._step(f"the deletion of {reference}", "No other version was touched.")
        by_digest = ":" in reference

        def attempt() -> None:
            ok = (200, 202, 204, 404) if by_digest else (200, 202, 204, 400, 404)
            url = f"manifests/{reference}"
            with self._connection.exchange(step, "DELETE", url, ok=ok, actions="delete") as answer:
                # A registry that cannot delete tags takes the tag for a malformed digest.
                if answer.status_code == 400:
                    raise step.failed("the registry cannot delete a tag alone", "Delete it there by hand.", Unsupported)

        self._backoff.run(attempt, step)

    def tags(self) -> list[str]:
        """All tags, read page by page; an empty list if the repository does not exist yet."""
        pages = self._pages("tags", "tags/list?n=1000", self._step("the list of versions", "Nothing was changed."))
        return list(dict.fromkeys(str(tag) for page in pages for tag in page.get("tags") or []))

    def referrers(self, digest: str) -> list[Referrer] | None:
        """The manifests that refer to one; None if the registry keeps no list of them."""
        step = self._step(f"the list of what refers to {digest}", "Nothing was changed.")
        pages = list(self._pages("referrers", f"referrers/{digest}", step))
        return [one for page in pages for one in referrers_in(page)] if pages else None

    def _pages(self, what: str, first: str, step: RegistryStep) -> Iterator[dict[str, Any]]:
        """The pages of a list of something, as JSON; none if there is no such list."""
        url: httpx.URL | str | None = first
        seen: set[httpx.URL | str] = set()
        while url:
            if url in seen:
                raise step.failed("its pages form a loop", "Look at the proxies between here and the registry.")
            seen.add(url)
            page, url = self._backoff.run(lambda here=url: self._page(what, here, step), step)  # type: ignore[misc]
            if page is not None:
                yield page

    def _page(
        self, what: str, url: httpx.URL | str, step: RegistryStep
    ) -> tuple[dict[str, Any] | None, httpx.URL | None]:
        with self._connection.exchange(step, "GET", url, ok=(200, 404)) as answer:
            if answer.status_code == 404:
                return None, None
            try:
                page = json.loads(_bounded(answer, _LARGEST_PAGE, step))
            except ValueError:
                page = None
            if not isinstance(page, dict):
                raise step.failed(f"the answer is no list of {what}", "Check that this is a registry.")
            following = answer.links.get("next", {}).get("url")
            return page, answer.url.join(following) if following else None


def _other_bytes(step: RegistryStep, why: str) -> RegistryError:
    return step.failed(why, "Look for what changes bytes on the way or in the registry's storage.", Corrupt)


def _bounded(answer: httpx.Response, most: int, step: RegistryStep) -> bytes:
    received = bytearray()
    for chunk in answer.iter_bytes():
        received.extend(chunk)
        if len(received) > most:
            raise step.failed(f"the answer has more than {most} bytes", "Check that this is a registry.", Corrupt)
    return bytes(received)
