"""A rollout whose ticks a test calls, and the runs of a release."""

from __future__ import annotations

from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.events import Events
from service.backend.cluster.refusals import Refusals
from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.runs import JobRuns


class TickedRollout(ClusterRollout):
    """Reads the Deployment before each tick, as a backend's loop does."""

    def __init__(self, cluster, **options):
        self.deployment = ExtractorDeployment(cluster)
        super().__init__(self.deployment, "starter", seconds=60, events=Events(cluster, "backend-1"), **options)

    def tick(self):
        self.deployment.look()
        self.look()
        self.look_at_pods()
        super().tick()


def job_runs(cluster, keep):
    """The runs of a release as its Jobs, with the refusals on its Deployment and their Events."""
    events = Events(cluster, "backend-1")
    return JobRuns(cluster, keep, Refusals(ExtractorDeployment(cluster), events), events)
