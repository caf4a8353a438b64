"""A backend on Kubernetes: the model in other pods, runs as Jobs, versions in an OCI registry."""

from __future__ import annotations

import os

from service.backend.cluster.api import Cluster
from service.backend.cluster.launcher import JobLauncher
from service.backend.cluster.leader import Leader
from service.backend.cluster.projects import ClusterProjects
from service.backend.cluster.promotion import Promotion
from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.runs import JobRuns
from service.backend.cluster.scaling import Scaling
from service.backend.cluster.versions import PublishedVersions
from service.backend.label_studio import LabelStudio
from service.backend.remote import RemoteExtractor
from service.backend.retraining import Retraining
from service.backend.supervisor import Supervisor
from service.oci.bentos import Bentos
from service.settings import Settings
from service.versions import initial_version


def supervisor(settings: Settings) -> Supervisor:
    """Put the parts together. Only the backend that leads changes anything; the others know where things stand."""
    cluster = Cluster(settings)
    runs = JobRuns(cluster, settings.keep_runs)
    launcher = JobLauncher(cluster, runs, settings.job_template)
    rollout = ClusterRollout(cluster, initial_version(settings.model), settings.rollout_seconds)
    scaling = Scaling(cluster, rollout, settings.idle_seconds)
    projects = ClusterProjects(cluster)
    retraining = Retraining(settings, projects, runs, launcher, LabelStudio(settings))
    promotion = Promotion(runs, rollout, launcher)
    leader = Leader(cluster, settings.lease, identity=os.environ.get("HOSTNAME", "backend"))
    return Supervisor(
        settings,
        extractor=RemoteExtractor(settings.extractor_url, lambda: rollout.version, scaling.asked, scaling.wake),
        rollout=rollout,
        registry=PublishedVersions(Bentos.connect(settings.registry, settings.registry_plain_http)),
        runs=runs,
        projects=projects,
        retraining=retraining,
        looks=[
            leader.tick,
            rollout.look,
            runs.refresh,
            *map(leader.only, (rollout.tick, promotion.tick, scaling.tick, retraining.tick, projects.tick)),
        ],
    )
