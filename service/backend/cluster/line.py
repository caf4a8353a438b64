"""The versions of a cluster, changed by hand: in the registry and on the extractor's Deployment. Needs both rights."""

from __future__ import annotations

from collections.abc import Sequence

from service.backend.cluster.api import Cluster
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.events import Events
from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.settings import ReleaseSettings
from service.backend.cluster.verification import Verification
from service.backend.line import BY_HAND, ChangeRefused, not_initial, not_live_already
from service.versions.history import INITIAL, check_unchanged
from service.versions.lineage import Lineage
from service.versions.names import version_of
from service.versions.oci.bentos import Bentos
from service.versions.reference import Reference
from service.versions.signature import SignatureRefused
from service.versions.store import UnknownVersion
from service.versions.trust import Trust


class ClusterLine:
    """A VersionLine on Kubernetes. The backend takes back a version made live here if its pods do not become ready."""

    def __init__(self, settings: ReleaseSettings) -> None:
        self._bentos = Bentos.connect(settings.registry, settings.registry_plain_http)
        cluster = Cluster(settings)
        events = Events(cluster, identity="spanloop")
        self._deployment = ExtractorDeployment(cluster)
        self._rollout = ClusterRollout(self._deployment, "the initial model", settings.rollout_seconds, events)
        self._verification = Verification(Trust.of(settings), self._deployment, events)

    def versions(self) -> Sequence[Lineage]:
        return [published.lineage for published in self._bentos.versions()]

    def get(self, version: str) -> Lineage:
        return self._bentos.get(version).lineage

    def live(self) -> str:
        self._deployment.look()
        self._rollout.look()
        return version_of(self._rollout.target)

    def promote(self, version: str, why: str = BY_HAND, champion: str | None = None) -> None:
        reference = self._bentos.get(version).reference
        live = self.live()
        check_unchanged(live if champion is None else champion, live)
        target = self._rollout.target
        not_live_already(str(reference), target)  # the same version may have been signed since
        self._verify(reference, live)
        self._rollout.promote(target, str(reference), why)

    def rollback(self) -> str:
        live = self.live()
        return self.give_up(live, f"Rolled back by hand from {live}.")

    def give_up(self, version: str, why: str) -> str:
        check_unchanged(version, self.live())
        not_initial(version)
        history = self._rollout.history
        self._check_previous(history.previous, version)
        self._rollout.rollback(history.live, history.previous, why)
        return version_of(history.previous)

    def _check_previous(self, previous: str, live: str) -> None:
        """Raises ChangeRefused if the version before the live one was deleted or is not to be trusted: its pods would
        never start."""
        if previous == INITIAL:
            return
        try:
            self._verify(self._bentos.get(previous).reference, live)
        except UnknownVersion as error:
            raise ChangeRefused(
                f"The version before {live} was {version_of(previous)}, and {self._bentos.repository} no longer has "
                f"it: it was deleted, and its pods would never start. {live} stays live. `spanloop versions` "
                "lists what is there; promote one of those."
            ) from error

    def _verify(self, reference: Reference, live: str) -> None:
        """Raises ChangeRefused if a version is not to be trusted."""
        try:
            self._verification.check(self._bentos, reference)
        except SignatureRefused as refused:
            raise ChangeRefused(f"{refused} {live or 'The initial model'} stays live.") from refused

    def prune(self, keep: int) -> list[str]:
        self._deployment.look()
        self._rollout.look()
        return [published.version for published in self._bentos.prune(keep, self._rollout.history.in_use)]
