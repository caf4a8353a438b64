"""The runs of a release: its training Jobs, onto which the backend mirrors what their pods report."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.errors import ObjectMissing
from service.backend.cluster.events import Events
from service.backend.cluster.job_run import PROGRESS_PORT, JobRun, current
from service.backend.cluster.jobs import (
    PERCENT_ANNOTATION,
    PHASE_ANNOTATION,
    WAITS_ANNOTATION,
    KubeObject,
    is_active,
)
from service.backend.cluster.pods import ask
from service.backend.cluster.refusals import Refusals
from service.backend.cluster.run_jobs import CANCELLED_ANNOTATION, F1_ANNOTATION, noted, notes
from service.backend.protocols import Uncancellable
from service.runs.run import CANCELLED, END_CURVE_PATH, Run, now

log = logging.getLogger(__name__)

FOLLOW_UP_ANNOTATION = "spanloop.dev/follow-up"
"""Annotation of a Job: the token of the last request for another run after this one."""
ANSWERED_ANNOTATION = "spanloop.dev/follow-up-answered"
"""Annotation of a Job: the token of the last request whose run has started. Two annotations, so that a request that
comes meanwhile is not overwritten."""
ANSWERED_BEFORE_TOKENS = "answered"
"""What releases before 0.1.0 wrote instead of a token once the run had started."""


class JobRuns:
    """The runs of a release, as a RunStore.

    `refresh` asks the cluster, and all other methods answer from what it found. `mirror` writes what pods have reported
    onto their Jobs, so that it outlives the pods.
    """

    def __init__(self, cluster: Cluster, keep: int, refusals: Refusals, events: Events) -> None:
        self._cluster = cluster
        self._refusals = refusals
        self._events = events
        self._keep = keep
        self._known: dict[str, JobRun] = {}
        """The Jobs by name. The dict is replaced, never changed: several threads read it."""
        self._refreshing = threading.Lock()

    def refresh(self) -> None:
        """Ask the cluster for all Jobs, and their pods for the states of the runs. Raises ClusterError."""
        with self._refreshing:  # an older answer must not replace a newer one
            jobs = self._cluster.jobs()
            found = {str(job["metadata"]["name"]): current(job, self._cluster.pods_of) for job in jobs}
            self._known = _without_overtaken(found)

    def mirror(self) -> None:
        """Write the state of each run onto its Job if it has changed. Raises ClusterError."""
        for job, run, _ in self._known.values():
            known = {
                key: annotation(job, key)
                for key in (PHASE_ANNOTATION, PERCENT_ANNOTATION, F1_ANNOTATION, WAITS_ANNOTATION)
            }
            kept = noted(job)
            is_news = kept is None or _unannotated(kept) != _unannotated(run)
            if is_news or known != {key: value for key, value in notes(run).items() if key in known}:
                with suppress(ObjectMissing):  # deleted meanwhile
                    self._write(job, run)

    def all(self) -> list[Run]:
        """The last attempt of each run, the newest first."""
        runs = sorted([*self._refusals.all(), *(known.run for known in self._known.values())], key=_age)
        newest = {run.id: run for run in runs}
        return sorted(newest.values(), key=_age, reverse=True)

    def get(self, run_id: str) -> Run | None:
        return next((run for run in self.all() if run.id == run_id), None)

    def active(self) -> str | None:
        """The id of the run whose pod is at work or whose version is being rolled out; None if there is none.

        No other run starts during a rollout, for two reasons. It might be judged against the version that is about to
        be replaced, and would have to be judged again. Its pod might take the only GPU, which the new version's pod
        needs, so that a good version would be taken back.
        """
        return self.at_work() or next((run.id for run in self.all() if run.in_rollout), None)

    def at_work(self) -> str | None:
        """The id of the run whose Job may still have something to do; None if there is none."""
        # A run that has reported its end is done, though its Job may take a moment to be complete.
        return next((run.id for job, run, _ in self._known.values() if is_active(job) and not run.ended), None)

    def job_of(self, run_id: str) -> KubeObject:
        """The Job of a run's last attempt. Raises ObjectMissing if no Job is kept."""
        name = self._job_of(run_id)
        if name is None:
            raise ObjectMissing(f"Run {run_id} has no Job.")
        return self._known[name].job

    def has_pods(self, run_id: str) -> bool:
        """Whether a Job of the run may still have something to do."""
        return any(is_active(job) for job, run, _ in self._known.values() if run.id == run_id)

    def is_measuring(self, run_id: str) -> bool:
        """Whether a pod of the run measures its learning curve."""
        return any(one.measuring is not None for one in self._known.values() if one.run.id == run_id)

    def cancel(self, run_id: str) -> None:
        """End a run and its pods; its Job stays, and says that it was cancelled.

        A run whose version is judged only ends the measuring of its curve. Raises Uncancellable and ClusterError.
        """
        self.refresh()
        name, run = self._job_of(run_id), self.get(run_id)
        if name is None or run is None or run.ended:
            raise Uncancellable(f"Run {run_id} has ended already. Nothing was changed.")
        if run.is_judged:
            self.end_curve(run_id)
            return
        known, over = self._known[name], run.end("cancelled", CANCELLED).model_copy(update={"updated": now()})
        if known.job["spec"].get("suspend"):  # a deadline does not count in a queue, and the Job would run in its turn
            self._cluster.delete_job(name)
            self._known = {other: one for other, one in self._known.items() if other != name}
            self._refusals.keep(over)
            return
        self._cluster.end_job(name, {**notes(over), CANCELLED_ANNOTATION: "true"})
        self._known = {**self._known, name: known._replace(run=over)}
        self._tell(known.job, over)

    def end_curve(self, run_id: str) -> None:
        """Ask the run's pod to end the measuring of its learning curve. A pod that does not hear it goes on."""
        for _, run, pod in self._known.values():
            if pod and run.id == run_id:
                ask(pod, PROGRESS_PORT, "POST", END_CURVE_PATH)

    def make_way(self) -> None:
        """End the measuring of curves after which another run is to start."""
        for run_id in self.asked_again():
            self.end_curve(run_id)

    def died(self) -> list[Run]:
        """An empty list: the Job's controller replaces a pod that has died."""
        return []

    def attempts(self, run_id: str) -> int:
        """The number of the last attempt of a run that a kept Job has; 0 if no Job is kept."""
        return max((known.run.attempt for known in self._known.values() if known.run.id == run_id), default=0)

    def left_out(self, run_id: str) -> Path | None:
        """None: the file is in the run's pod. The version's lineage has the number of spans by reason."""
        return None

    def save(self, run: Run) -> None:
        """Write a run onto its Job. A run without a Job is a refusal."""
        name = self._job_of(run.id)
        if name is None:
            self._refusals.keep(run)
            return
        known = self._known[name]
        self._write(known.job, run)
        self._known = {**self._known, name: known._replace(run=run)}

    def ask_again(self, run_id: str) -> None:
        """Remember that another run is to start after this one. Raises ObjectMissing if the run's Job is gone."""
        name = self._job_of(run_id)
        found = self._known.get(name) if name else None
        if name is None or found is None:
            raise ObjectMissing(f"Run {run_id} has ended, and its Job is gone: nothing was remembered; ask again.")
        self._annotate(name, found, {FOLLOW_UP_ANNOTATION: uuid4().hex})

    def asked_again(self) -> dict[str, str]:
        return {run.id: token for job, run, _ in self._known.values() if (token := _unanswered(job))}

    def answered(self, requests: Mapping[str, str]) -> None:
        for name, found in self._known.items():
            token = requests.get(found.run.id)
            if token and _unanswered(found.job) == token:
                self._annotate(name, found, {ANSWERED_ANNOTATION: token})

    def prune(self) -> None:
        """Delete the Jobs of ended runs, except the newest, the last that succeeded, and those after which another run
        is to start."""
        over = sorted(
            ((known.run, name) for name, known in self._known.items() if known.run.ended),
            key=lambda pair: pair[0].started,
            reverse=True,
        )
        last_good = next((run.id for run in self.all() if run.succeeded), "")
        kept = {last_good, *self.asked_again()}
        for run, name in over[self._keep :]:
            if run.id not in kept:
                with suppress(ObjectMissing):  # it was deleted meanwhile
                    self._cluster.delete_job(name)

    def _write(self, job: KubeObject, run: Run) -> None:
        """Write the state of a run onto its Job, and tell what has become of it."""
        self._cluster.annotate_job(job["metadata"]["name"], notes(run))
        self._tell(job, run)

    def _tell(self, job: KubeObject, run: Run) -> None:
        """Tell what has become of a run since it was last written onto its Job: in the log and in Events."""
        before = noted(job)
        if run.pod_ended and (before is None or before.pod_ended != run.pod_ended):
            log.warning("run %s: a pod ended: %s", run.id, run.pod_ended)
            self._events.pod_ended(job, run)
        if run.ended and (before is None or not before.ended):
            level = logging.WARNING if run.outcome == "failed" else logging.INFO
            log.log(level, "run %s: %s. %s", run.id, run.outcome, run.message)
            self._events.run_ended(job, run)

    def _annotate(self, name: str, found: JobRun, note: dict[str, str]) -> None:
        """Annotate a Job, on the cluster and here."""
        self._cluster.annotate_job(name, note)
        job = found.job
        annotations = {**(job["metadata"].get("annotations") or {}), **note}
        noted_job = {**job, "metadata": {**job["metadata"], "annotations": annotations}}
        self._known = {**self._known, name: found._replace(job=noted_job)}

    def _job_of(self, run_id: str) -> str | None:
        """The name of the Job of a run's last attempt; None if no Job is kept."""
        attempts = [(_age(known.run), name) for name, known in self._known.items() if known.run.id == run_id]
        return max(attempts)[1] if attempts else None


def _unannotated(run: Run) -> tuple[object, ...]:
    """What of a run has no annotation of its own."""
    return run.rollout, run.curve, run.pod_ended


def _unanswered(job: KubeObject) -> str:
    """The token of a Job's last request for another run; empty if there is none, or its run has started."""
    token = annotation(job, FOLLOW_UP_ANNOTATION)
    return "" if token in (annotation(job, ANSWERED_ANNOTATION), ANSWERED_BEFORE_TOKENS) else token


def _age(run: Run) -> tuple[datetime, int]:
    """A key that sorts attempts by age. The attempt alone does not: each Job by hand or by schedule is a first one."""
    return run.started, run.attempt


def _without_overtaken(known: dict[str, JobRun]) -> dict[str, JobRun]:
    """The Jobs, where a run in rollout is ended if a later attempt judges its version again."""
    newest = {run.id: run for run in sorted((one.run for one in known.values()), key=_age)}
    return {
        name: one if one.run is newest[one.run.id] or not one.run.in_rollout else one._replace(run=_overtaken(one.run))
        for name, one in known.items()
    }


def _overtaken(run: Run) -> Run:
    message = f"The live version changed before version {run.version} was rolled out: a later attempt judges it again."
    return run.end("held", message)
