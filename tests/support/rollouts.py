"""A rollout whose ticks a test calls."""

from __future__ import annotations

from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.rollout import ClusterRollout


class TickedRollout(ClusterRollout):
    """Reads the Deployment before each tick, as a backend's loop does."""

    def __init__(self, cluster, **options):
        self.deployment = ExtractorDeployment(cluster)
        super().__init__(self.deployment, "starter", seconds=60, **options)

    def tick(self):
        self.deployment.look()
        self.look()
        self.look_at_pods()
        super().tick()
