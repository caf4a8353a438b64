"""A run's shelf on a cluster: versions are in an OCI registry, and the backend decides which one is live."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from service.versions.history import INITIAL
from service.versions.lineage import Lineage
from service.versions.names import version_of
from service.versions.oci.bentos import Bentos
from service.versions.reference import Reference
from service.versions.signature import signing
from service.versions.store import BentoStore, UnknownVersion
from service.versions.trust import Trust
from training.settings import TrainingSettings

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""Seconds between two tries to reach the backend."""


class BackendSilent(RuntimeError):
    """The backend did not answer which version is live."""


class LiveVersions(NamedTuple):
    """The backend's answer: references of the live version and of those that were taken back."""

    live: str
    given_up: tuple[str, ...]


class RegistryShelf:
    """Makes Bentos in the local store and pushes them to the registry."""

    def __init__(self, settings: TrainingSettings, bentos: Bentos) -> None:
        """A backend or a registry that does not answer is asked again for the settings' patience."""
        self._patience = settings.patience
        self._store = BentoStore(settings.folder)
        self._bentos = bentos
        self._plain_http = settings.registry_plain_http
        self._backend_url = settings.backend_url.rstrip("/")
        self._login = settings.login
        self._champions = settings.folder / "champions"
        self._sign = signing(settings.signing_key)
        self._trust = Trust.of(settings)

    def require(self) -> None:
        """Raises RegistryError if the registry gives no list of versions or takes no upload, and BackendSilent.

        Where signatures count, the live version is fetched already now, and lies there when it is compared. Raises what
        `fetch` raises.
        """
        self._bentos.require_push()
        live = self.champion()
        if live != INITIAL and not self._trust.is_off:
            self.fetch(live)

    def with_digest(self, digest: str) -> Lineage | None:
        return next((lineage for lineage in self.versions() if lineage.digest == digest), None)

    def versions(self) -> list[Lineage]:
        return [published.lineage for published in self._bentos.versions()]

    def champion(self) -> str:
        """Raises BackendSilent."""
        return self._live_versions().live

    def was_taken_back(self, version: str) -> bool:
        """Raises BackendSilent."""
        return any(version_of(reference) == version for reference in self._live_versions().given_up)

    def _live_versions(self) -> LiveVersions:
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._ask_backend()
            except BackendSilent as error:
                if time.monotonic() > until:
                    raise
                log.warning("the backend did not say which version is live (%s); asking again", error.__cause__)
                time.sleep(RETRY_SECONDS)

    def _ask_backend(self) -> LiveVersions:
        try:
            auth = self._login if any(self._login) else None
            answer = httpx.get(f"{self._backend_url}/live", auth=auth, timeout=10, trust_env=False)
            answer.raise_for_status()
            body = answer.json()
            return LiveVersions(str(body["reference"]), tuple(body["given_up"]))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
            raise BackendSilent(
                f"The backend at {self._backend_url!r} did not say which version is live ({error}). The run needs that "
                "version to judge the new one. The live version is untouched. Check that the backend's pod is ready "
                "and SPANLOOP_BACKEND_URL, then start the run again: it continues from its last checkpoint."
            ) from error

    def fetch(self, champion: str) -> Path:
        reference = Reference.parse(champion)
        folder = self._champions / reference.version
        for old in self._champions.glob("[!.]*"):  # hidden: locks, and downloads of other runs
            if old != folder:
                shutil.rmtree(old)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._repository_of(reference).pull_model(reference, folder, self._trust.check_model)
        return folder

    def _repository_of(self, reference: Reference) -> Bentos:
        """The repository that holds a version: the live version may be in one that was set earlier."""
        if reference.repository in (None, self._bentos.repository):
            return self._bentos
        return Bentos.connect(str(reference.repository), self._plain_http, self._patience)

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        """Make the Bento in the local store, unless an earlier attempt has made it, and push it."""
        try:
            self._store.fetch(lineage.version)
        except UnknownVersion:
            self._store.publish(lineage, save_model, self._sign)
        self._bentos.push(self._store, lineage.version)

    def reference(self, version: str) -> str:
        return str(self._bentos.get(version).reference)

    def hand_over(self, champion: str, version: str, why: str) -> bool:
        return False  # the backend rolls the version out if the champion is still live then
