"""A backend on Kubernetes: the model in other pods, runs as Jobs, versions in an OCI registry."""

from __future__ import annotations

import os
from functools import partial

from service.backend.census import Census
from service.backend.cluster.api import Cluster
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.events import Events
from service.backend.cluster.jobs import template_of
from service.backend.cluster.launcher import JobLauncher
from service.backend.cluster.leader import RENEW_SECONDS, Leader
from service.backend.cluster.line import ClusterLine
from service.backend.cluster.origin import Origin
from service.backend.cluster.prelabeller import JobPrelabeller
from service.backend.cluster.projects import ClusterProjects
from service.backend.cluster.promotion import Promotion
from service.backend.cluster.record import Record
from service.backend.cluster.refusals import Refusals
from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.runs import JobRuns
from service.backend.cluster.scaling import Scaling
from service.backend.cluster.settings import ClusterSettings
from service.backend.cluster.verification import Verification
from service.backend.cluster.versions import NoVersions, PublishedVersions
from service.backend.line import VersionLine
from service.backend.loop import Loop
from service.backend.remote import RemoteExtractor
from service.backend.retraining import Retraining
from service.backend.shown_version import shown_version
from service.backend.studio_watch import StudioWatch
from service.backend.supervisor import Supervisor
from service.backend.truth.acceptance import Acceptance
from service.backend.truth.reconciliation import ANSWER_SECONDS, Reconciliation
from service.labelstudio.client import LabelStudio
from service.settings import RegistrySettings
from service.versions.names import initial_version, with_suffix
from service.versions.oci.bentos import Bentos
from service.versions.trust import Trust

BUSY_SECONDS = 1.0
"""Seconds between two ticks while a run is active, pods change or texts wait."""
IDLE_SECONDS = 5.0
"""Seconds between two ticks otherwise: the backend sees a change by kubectl this late at most."""

RARELY_SECONDS = 10.0
"""Seconds between two looks for pre-labellings that somebody has started with kubectl."""


def supervisor(settings: ClusterSettings) -> Supervisor:
    """Put the parts together. Only the leading backend advances rollouts, mirrors and resumes runs, and scales to zero.

    Raises ClusterError if the API server cannot be asked: a backend that knows nothing would name a wrong version.
    """
    cluster = Cluster(settings)
    deployment = ExtractorDeployment(cluster)
    record = Record(cluster, deployment)
    record.restore_at_start()
    identity = os.environ.get("HOSTNAME", "backend")
    events = Events(cluster, identity)
    refusals = Refusals(deployment, events)
    runs = JobRuns(cluster, settings.keep_runs, refusals, events)
    launcher = JobLauncher(cluster, runs, settings)
    initial = initial_version(settings.model, settings.window_words)
    rollout = ClusterRollout(deployment, initial, settings.rollout_seconds, events)
    rollout.look()
    scaling = Scaling(
        deployment, rollout, settings.idle_seconds, queued=lambda: extractor.queued, hurry=lambda: pods.hurry()
    )
    extractor = RemoteExtractor(
        settings.extractor_url, lambda: rollout.version, scaling.asked, scaling.wake, scaling.ended
    )
    projects = ClusterProjects(deployment, hurry=lambda: pods.hurry())
    label_studio = LabelStudio(settings)
    census = Census(projects, label_studio)
    retraining = Retraining(settings, projects, runs, launcher, label_studio, census)
    bentos = _bentos(settings)
    verification = Verification(Trust.of(settings), deployment, events)
    origin = Origin(bentos, verification, partial(template_of, settings.job_template))
    promotion = Promotion(runs, deployment, rollout, launcher, origin)
    store = PublishedVersions(bentos) if bentos else NoVersions()
    shown = shown_version(settings, projects, label_studio, rollout, extractor, store)

    def version_of(project: int) -> str:
        known = projects.get(project)
        return with_suffix(rollout.version, known.suffix) if known and known.suffix else rollout.version

    def line() -> VersionLine:
        return ClusterLine(settings)

    def give_up(version: str, why: str) -> str:
        return line().give_up(version, why)

    reconciliation = Reconciliation(projects, LabelStudio(settings, timeout=ANSWER_SECONDS))
    acceptance = Acceptance(reconciliation, rollout, initial, give_up, settings.rollback_by_acceptance)
    prelabeller = JobPrelabeller(cluster, settings, version_of)
    leader = Leader(cluster, settings.lease, identity)
    only = leader.only

    def pace_of_pods() -> float:
        return BUSY_SECONDS if extractor.queued or not (rollout.is_over and deployment.is_settled) else IDLE_SECONDS

    def pace_of_runs() -> float:
        return BUSY_SECONDS if runs.active() or not rollout.is_over else IDLE_SECONDS

    def pace_of_prelabellings() -> float:
        return BUSY_SECONDS if prelabeller.is_at_work else RARELY_SECONDS

    pods = Loop(
        [
            deployment.look,
            only(record.tick),
            rollout.look,
            rollout.look_at_pods,
            scaling.rouse,
            scaling.note,
            only(rollout.tick),
            only(scaling.rest),
            projects.tick,
            refusals.tick,
        ],
        pace_of_pods,
    )
    return Supervisor(
        settings,
        extractor=extractor,
        rollout=rollout,
        store=store,
        runs=runs,
        projects=projects,
        retraining=retraining,
        prelabeller=prelabeller,
        acceptance=acceptance,
        studio=StudioWatch(projects, label_studio),
        line=line,
        loops=[
            Loop([leader.tick], lambda: RENEW_SECONDS),
            pods,
            Loop([runs.refresh, only(runs.mirror), only(runs.make_way), only(promotion.tick)], pace_of_runs),
            Loop([prelabeller.refresh, only(prelabeller.mirror)], pace_of_prelabellings),
            Loop([only(census.tick), retraining.start_due, only(retraining.look_after)]),
            Loop([only(shown.tick)]),
            Loop([only(acceptance.tick)]),
        ],
        dependencies=[cluster.dependency, *([store.dependency] if isinstance(store, PublishedVersions) else [])],
        leads=leader.leads,
        resign=leader.release,
    )


def _bentos(settings: RegistrySettings) -> Bentos | None:
    """The release's registry, without patience: what failed is told at once, and tried again at the next tick."""
    if not settings.registry:
        return None
    return Bentos.connect(settings.registry, settings.registry_plain_http, patience=0)
