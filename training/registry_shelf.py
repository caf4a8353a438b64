"""A run's shelf on a cluster: an OCI registry; what is live, the backend says, and it alone changes that."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from service.versions.lineage import Lineage
from service.versions.names import version_of
from service.versions.oci.bentos import Bentos
from service.versions.reference import Reference
from service.versions.store import BentoStore, UnknownVersion
from training.settings import TrainingSettings

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""Seconds between two tries to reach the backend."""


class BackendSilent(RuntimeError):
    """The backend does not say which version is live."""


class LiveVersions(NamedTuple):
    """What the backend says of versions, by their references."""

    live: str
    given_up: tuple[str, ...]


class RegistryShelf:
    """Bentos are made in the local store and pushed from there."""

    def __init__(self, settings: TrainingSettings, bentos: Bentos, patience: float = 120) -> None:
        """`patience`: so many seconds a backend that does not answer is asked again: an upgrade may be replacing it."""
        self._patience = patience
        self._store = BentoStore(settings.folder)
        self._bentos = bentos
        self._plain_http = settings.registry_plain_http
        self._backend_url = settings.backend_url.rstrip("/")
        self._login = (settings.basic_auth_username, settings.basic_auth_password.get_secret_value())
        self._champions = settings.folder / "champions"

    def with_digest(self, digest: str) -> Lineage | None:
        return next((p.lineage for p in self._bentos.versions() if p.lineage.digest == digest), None)

    def champion(self) -> str:
        """Raises BackendSilent."""
        return self._standing().live

    def was_taken_back(self, version: str) -> bool:
        """Raises BackendSilent."""
        return any(version_of(reference) == version for reference in self._standing().given_up)

    def _standing(self) -> LiveVersions:
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._asked()
            except BackendSilent as error:
                if time.monotonic() > until:
                    raise
                log.warning("%s; it is asked again", error.__cause__)
                time.sleep(RETRY_SECONDS)

    def _asked(self) -> LiveVersions:
        try:
            auth = self._login if any(self._login) else None
            answer = httpx.get(f"{self._backend_url}/live", auth=auth, timeout=10, trust_env=False)
            answer.raise_for_status()
            told = answer.json()
            return LiveVersions(str(told["reference"]), tuple(told["given_up"]))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
            raise BackendSilent(
                f"The backend at {self._backend_url!r} does not say which version is live ({error}), and a version is "
                "judged against that one. Nothing was published and the live version is untouched. Check "
                "SPANLOOP_BACKEND_URL, then start the run again: it goes on from its last checkpoint."
            ) from error

    def fetch(self, champion: str) -> Path:
        reference = Reference.parse(champion)
        folder = self._champions / reference.version
        for old in self._champions.glob("[!.]*"):  # hidden is what another run may be pulling, and its lock
            if old != folder:
                shutil.rmtree(old)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._holding(reference).pull_model(reference, folder)
        return folder

    def _holding(self, reference: Reference) -> Bentos:
        """Where a version is: what serves may still be in the repository that was set before."""
        if reference.repository in (None, self._bentos.repository):
            return self._bentos
        return Bentos.connect(str(reference.repository), self._plain_http)

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        """Make the Bento here and push it. A Bento that an earlier attempt made is pushed as it is."""
        try:
            self._store.fetch(lineage.version)
        except UnknownVersion:
            self._store.publish(lineage, save_model)
        self._bentos.push(self._store, lineage.version)

    def reference(self, version: str) -> str:
        return str(self._bentos.get(version).reference)

    def hand_over(self, champion: str, version: str, why: str) -> bool:
        return False  # the backend rolls it out, if the champion still serves by then
