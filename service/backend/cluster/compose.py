"""A backend on Kubernetes: the model in other pods, runs as Jobs, versions in an OCI registry."""

from __future__ import annotations

import os

from service.backend.census import Census
from service.backend.cluster.api import Cluster
from service.backend.cluster.launcher import JobLauncher
from service.backend.cluster.leader import Leader
from service.backend.cluster.projects import ClusterProjects
from service.backend.cluster.promotion import Promotion
from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.runs import JobRuns
from service.backend.cluster.scaling import Scaling
from service.backend.cluster.versions import NoVersions, PublishedVersions
from service.backend.protocols import VersionStore
from service.backend.remote import RemoteExtractor
from service.backend.retraining import Retraining
from service.backend.supervisor import Supervisor
from service.labelstudio.client import LabelStudio
from service.settings import Settings
from service.versions.names import initial_version
from service.versions.oci.bentos import Bentos


def supervisor(settings: Settings) -> Supervisor:
    """Put the parts together. Of several backends one leads, and changes things; the others know where they stand.

    Raises ClusterError where the API server cannot be asked: a backend that knows nothing would name a wrong version.
    """
    cluster = Cluster(settings)
    runs = JobRuns(cluster, settings.keep_runs)
    launcher = JobLauncher(cluster, runs, settings)
    rollout = ClusterRollout(cluster, initial_version(settings.model), settings.rollout_seconds)
    rollout.look()
    scaling = Scaling(cluster, rollout, settings.idle_seconds, lambda: extractor.queued)
    extractor = RemoteExtractor(
        settings.extractor_url, lambda: rollout.version, scaling.asked, scaling.wake, scaling.ended
    )
    projects = ClusterProjects(cluster)
    label_studio = LabelStudio(settings)
    census = Census(projects, label_studio)
    retraining = Retraining(settings, projects, runs, launcher, label_studio, census)
    promotion = Promotion(runs, rollout, launcher)
    leader = Leader(cluster, settings.lease, identity=os.environ.get("HOSTNAME", "backend"))
    return Supervisor(
        settings,
        extractor=extractor,
        rollout=rollout,
        registry=_versions(settings),
        runs=runs,
        projects=projects,
        retraining=retraining,
        loops=[
            [leader.tick, rollout.look, scaling.rouse, scaling.note, *map(leader.only, (rollout.tick, scaling.rest))],
            [runs.refresh, *map(leader.only, (runs.mirror, promotion.tick))],
            [projects.tick, leader.only(census.tick), retraining.start_due, leader.only(retraining.look_after)],
        ],
        leads=leader.leads,
        resign=leader.release,
    )


def _versions(settings: Settings) -> VersionStore:
    if not settings.registry:
        return NoVersions()
    return PublishedVersions(Bentos.connect(settings.registry, settings.registry_plain_http))
