"""The runs of a release: its training Jobs, with what their pods say of themselves mirrored onto them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from pydantic import ValidationError

from service.backend.cluster.api import Cluster, annotation
from service.backend.cluster.errors import ObjectMissing
from service.backend.cluster.jobs import (
    F1_ANNOTATION,
    PERCENT_ANNOTATION,
    PHASE_ANNOTATION,
    WAITS_ANNOTATION,
    KubeObject,
    ended,
    is_active,
    noted,
    notes,
    run_of,
    why_waiting,
)
from service.runs.run import Run

log = logging.getLogger(__name__)

FOLLOW_UP_ANNOTATION = "spanloop.dev/follow-up"
"""Annotation of a Job: one more run is wanted when this one has ended."""
PROGRESS_PORT = 9092
"""Port of a training pod where its run says how it stands; the chart tells the run."""
PROGRESS_SECONDS = 1.0
"""How long a training pod is waited for; it is asked again at the next look."""


class JobRun(NamedTuple):
    """A Job, and the run that it is."""

    job: KubeObject
    run: Run


class JobRuns:
    """What the launcher and the page know of runs.

    `refresh` asks the cluster, and everything else answers from that; `mirror` writes what pods have told onto their
    Jobs, so that it outlives them.
    """

    def __init__(self, cluster: Cluster, keep: int) -> None:
        self._cluster = cluster
        self._keep = keep
        self._known: dict[str, JobRun] = {}
        """By the Job's name. Replaced whole, never changed: several threads read it."""
        self._refreshing = threading.Lock()
        self._declined: dict[str, Run] = {}
        """Runs that never became a Job, with the reason."""

    def refresh(self) -> None:
        """Ask the cluster for all Jobs, and their pods for where they stand. Raises ClusterError."""
        with self._refreshing:  # what is older must not replace what is newer
            jobs = self._cluster.jobs()
            found = {str(job["metadata"]["name"]): JobRun(job, self._current(job)) for job in jobs}
            self._known = _without_overtaken(found)

    def mirror(self) -> None:
        """Write onto each Job how its run stands, where that has changed. Raises ClusterError."""
        for name, (job, run) in self._known.items():
            known = {
                key: annotation(job, key)
                for key in (PHASE_ANNOTATION, PERCENT_ANNOTATION, F1_ANNOTATION, WAITS_ANNOTATION)
            }
            kept = noted(job)
            is_news = kept is None or kept.rollout != run.rollout  # the phase alone does not tell it
            if is_news or known != {key: value for key, value in notes(run).items() if key in known}:
                with suppress(ObjectMissing):  # deleted meanwhile
                    self._cluster.annotate_job(name, notes(run))

    def all(self) -> list[Run]:
        """The last attempt of each run, the newest first."""
        runs = sorted([*self._declined.values(), *(run for _, run in self._known.values())], key=_age)
        newest = {run.id: run for run in runs}
        return sorted(newest.values(), key=_age, reverse=True)

    def get(self, run_id: str) -> Run | None:
        return next((run for run in self.all() if run.id == run_id), None)

    def active(self) -> str | None:
        """The id of the run that has not ended: its pod is at work, or its version is being rolled out.

        During a rollout no other run starts. Such a run might be judged against the version that is about to be
        replaced, and would have to be judged again; and its pod might take the one GPU that the new version's pod
        needs, so that a good version is taken back.
        """
        return self.at_work() or next((run.id for run in self.all() if run.in_rollout), None)

    def at_work(self) -> str | None:
        """The id of the run whose Job may still have something to do."""
        # A run that has left its last words is done, though its Job may take a moment to be complete.
        return next(
            (run.id for job, run in self._known.values() if is_active(job) and not (run.ended or run.in_rollout)), None
        )

    def died(self) -> list[Run]:
        """None: the Job's controller starts another pod where one has died."""
        return []

    def attempts(self, run_id: str) -> int:
        """How many Jobs this run has had."""
        return max((run.attempt for _, run in self._known.values() if run.id == run_id), default=0)

    def left_out(self, run_id: str) -> Path | None:
        """None: the file is in the run's pod. The version's lineage has the number of spans by reason."""
        return None

    def save(self, run: Run) -> None:
        """Note a run on its Job; one without a Job is kept in memory."""
        name = self._job_of(run.id)
        if name is None:
            self._declined = {**self._declined, run.id: run}
            return
        self._cluster.annotate_job(name, notes(run))
        self._known = {**self._known, name: JobRun(self._known[name].job, run)}

    def ask_again(self, run_id: str) -> None:
        """Raises ObjectMissing where the run's Job is gone: then nothing is remembered."""
        name = self._job_of(run_id)
        found = self._known.get(name) if name else None
        if name is None or found is None:
            raise ObjectMissing(f"Run {run_id} has ended, and its Job is gone: nothing was remembered; ask again.")
        self._note_follow_up(name, found, "wanted")

    def asked_again(self) -> list[str]:
        return [run.id for job, run in self._known.values() if annotation(job, FOLLOW_UP_ANNOTATION) == "wanted"]

    def answered(self, run_ids: Iterable[str]) -> None:
        for name, found in self._known.items():
            if found.run.id in run_ids and annotation(found.job, FOLLOW_UP_ANNOTATION) == "wanted":
                self._note_follow_up(name, found, "answered")

    def prune(self) -> None:
        """Delete the Jobs of all but the newest runs that have ended. The last that succeeded stays, and one that
        remembers a click."""
        over = sorted(
            ((run, name) for name, (_, run) in self._known.items() if run.ended),
            key=lambda pair: pair[0].started,
            reverse=True,
        )
        last_good = next((run.id for run in self.all() if run.succeeded), "")
        kept = {last_good, *self.asked_again()}
        for run, name in over[self._keep :]:
            if run.id not in kept:
                with suppress(ObjectMissing):  # somebody else was quicker
                    self._cluster.delete_job(name)

    def _note_follow_up(self, name: str, found: JobRun, standing: str) -> None:
        note = {FOLLOW_UP_ANNOTATION: standing}
        self._cluster.annotate_job(name, note)
        job, run = found
        annotations = {**(job["metadata"].get("annotations") or {}), **note}
        noted_job = {**job, "metadata": {**job["metadata"], "annotations": annotations}}
        self._known = {**self._known, name: JobRun(noted_job, run)}

    def _job_of(self, run_id: str) -> str | None:
        """The Job of a run's last attempt."""
        found = [(_age(run), name) for name, (_, run) in self._known.items() if run.id == run_id]
        return max(found)[1] if found else None

    def _current(self, job: KubeObject) -> Run:
        """The run of a Job as it stands now."""
        mirrored = noted(job)
        if mirrored and (mirrored.ended or mirrored.in_rollout):
            return mirrored
        known = run_of(job)
        pods = self._cluster.pods_of(job["metadata"]["name"])
        told = next((run for pod in pods if (run := _told(pod))), None)
        run = _with_job(told, job, known) if told else known
        if run.ended or run.in_rollout:
            return run
        return run.model_copy(update={"waits": why_waiting(job, pods)})


def _age(run: Run) -> tuple[datetime, int]:
    """Which of two attempts is the later one: Jobs made by hand or by schedule are all first attempts."""
    return run.started, run.attempt


def _without_overtaken(known: dict[str, JobRun]) -> dict[str, JobRun]:
    """The Jobs, of which one is over whose version was to be rolled out and is judged again by a later attempt."""
    newest = {run.id: run for run in sorted((run for _, run in known.values()), key=_age)}
    return {
        name: JobRun(job, run if run is newest[run.id] or not run.in_rollout else _overtaken(run))
        for name, (job, run) in known.items()
    }


def _overtaken(run: Run) -> Run:
    message = f"The live version changed before version {run.version} was rolled out: a later attempt judges it again."
    return ended(run, "held", message)


def _told(pod: KubeObject) -> Run | None:
    """What a pod says of its run: its last words, or what it answers while it lives."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        ended = container.get("state", {}).get("terminated")
        if ended:
            return _read(ended.get("message", ""))
    address = pod.get("status", {}).get("podIP")
    if pod.get("status", {}).get("phase") != "Running" or not address:
        return None
    try:
        host = f"[{address}]" if ":" in address else address
        answer = httpx.get(f"http://{host}:{PROGRESS_PORT}/progress", timeout=PROGRESS_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.debug("pod %s does not say how it stands (%s)", pod["metadata"]["name"], type(error).__name__)
        return None
    return _read(answer.text) if answer.is_success else None


def _read(text: str) -> Run | None:
    try:
        return Run.model_validate_json(text)
    except ValidationError:
        return None  # a crash's last words are a traceback: the Job's own status says the rest


def _with_job(told: Run, job: KubeObject, known: Run) -> Run:
    """What a pod told, as the run of its Job: why and on what, the Job knows; a Job that failed has failed."""
    run = told.model_copy(
        update={
            "attempt": known.attempt,
            "why": known.why or told.why,
            "started": known.started,
            "fingerprint": known.fingerprint or told.fingerprint,
            "annotations": known.annotations or told.annotations,
        }
    )
    if run.outcome == "failed" and is_active(job):
        # Another pod of the Job may try again, and succeed.
        return run.model_copy(update={"outcome": None, "detail": f"a pod has failed: {run.message}", "message": ""})
    over = run_of(job)
    if over.outcome == "failed" and not run.ended and not run.in_rollout:
        return run.model_copy(update={"outcome": "failed", "message": over.message})
    return run
