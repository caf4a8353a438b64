"""Versions by hand on a cluster: the registry, and the extractor's Deployment. Wants rights on both."""

from __future__ import annotations

from collections.abc import Sequence

from service.backend.cluster.api import Cluster
from service.backend.cluster.rollout import ClusterRollout
from service.lineage import Lineage
from service.oci.bentos import Bentos
from service.settings import Settings
from service.versions import version_of
from training.release import not_initial, not_live_already


class ClusterRelease:
    """A release on Kubernetes. The backend watches what is set here, and takes it back if it does not become ready."""

    def __init__(self, settings: Settings) -> None:
        self._bentos = Bentos.connect(settings.registry, settings.registry_plain_http)
        self._rollout = ClusterRollout(Cluster(settings), "the initial model", settings.rollout_seconds)

    def versions(self) -> Sequence[Lineage]:
        return [published.lineage for published in self._bentos.versions()]

    def get(self, version: str) -> Lineage:
        return self._bentos.get(version).lineage

    def live(self) -> str:
        self._rollout.look()
        return version_of(self._rollout.target)

    def promote(self, version: str) -> None:
        reference = str(self._bentos.get(version).reference)
        not_live_already(version, self.live())
        self._rollout.promote(self._rollout.target, reference, "Promoted by hand.")

    def rollback(self) -> str:
        live = self.live()
        not_initial(live)
        return version_of(self._rollout.rollback(f"Rolled back by hand from {live}."))

    def prune(self, keep: int) -> list[str]:
        self._rollout.look()
        return [published.version for published in self._bentos.prune(keep, self._rollout.in_use)]
