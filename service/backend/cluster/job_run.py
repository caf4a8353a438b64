"""A Job and its run: what the Job holds, and what its pods report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import ValidationError

from service.backend.cluster.api import annotation
from service.backend.cluster.endings import explained, why_ended
from service.backend.cluster.jobs import KubeObject, is_active, why_waiting
from service.backend.cluster.pods import report_of
from service.backend.cluster.run_jobs import CANCELLED_ANNOTATION, noted, run_of
from service.runs.run import CANCELLED, Run

PROGRESS_PORT = 9092
"""Port of a training pod where its run reports its state; the chart sets it for the run."""


class JobRun(NamedTuple):
    """A Job and its run."""

    job: KubeObject
    run: Run
    measuring: KubeObject | None = None
    """The pod that measures the run's learning curve at present."""


def current(job: KubeObject, pods_of: Callable[[str], list[KubeObject]]) -> JobRun:
    """The run of a Job in its present state. `pods_of` gives the pods of a Job by its name, the newest first."""
    mirrored = noted(job)
    if mirrored and mirrored.ended:
        return JobRun(job, mirrored)
    if annotation(job, CANCELLED_ANNOTATION):
        return JobRun(job, run_of(job).end("cancelled", CANCELLED))
    pods = pods_of(job["metadata"]["name"])
    known = run_of(job, _why_silent(pods))
    reported, pod = next(((run, pod) for pod in pods if (run := _read(report_of(pod, PROGRESS_PORT)))), (None, None))
    measuring = pod if reported and reported.phase == "curve" and is_active(job) else None
    if mirrored and mirrored.in_rollout:
        return JobRun(job, _with_curve(mirrored, reported) if reported else mirrored, measuring)
    run = _with_job(reported, job, known) if reported else known
    if run.in_rollout:
        run = run.model_copy(update={"phase": "rollout"})  # its pod may measure the curve already
    elif not run.ended:
        run = run.model_copy(update={"waits": why_waiting(job, pods)})
    return JobRun(job, run, measuring)


def _why_silent(pods: list[KubeObject]) -> str:
    """Why the newest pod ended that left no run as its last words; empty if each that ended did."""
    return next((why for pod in pods if (why := why_ended(pod)) and not _read(report_of(pod, PROGRESS_PORT))), "")


def _read(text: str) -> Run | None:
    try:
        return Run.model_validate_json(text)
    except ValidationError:
        return None  # the termination message of a crash is a traceback: the Job's status is used instead


def _with_curve(run: Run, reported: Run) -> Run:
    """A run in rollout with what its pod reports of the learning curve.

    All else is left to the backend. A pod that was restarted does again what came before the curve.
    """
    told: dict[str, Any] = {"curve": reported.curve or run.curve}
    if run.phase == "curve" and reported.phase == "curve":
        told |= reported.model_dump(include={"percent", "detail", "seconds_left", "updated"})
    elif run.phase == "curve" and not reported.ended:
        told["detail"] = f"a pod that was started again is in phase {reported.phase}"
    return run.model_copy(update=told)


def _with_job(reported: Run, job: KubeObject, known: Run) -> Run:
    """The reported run with what its Job knows: its cause, its data, its attempt, and whether the Job has failed."""
    run = reported.model_copy(
        update={
            "id": reported.id or known.id,  # a run that Label Studio told nothing of does not know its id
            "attempt": known.attempt,
            "why": known.why or reported.why,
            "started": known.started,
            "fingerprint": known.fingerprint or reported.fingerprint,
            "annotations": known.annotations or reported.annotations,
            "annotations_of": known.annotations_of or reported.annotations_of,
            "pod_ended": known.pod_ended,
            "message": explained(reported.message, job),
        }
    )
    if run.outcome == "failed" and is_active(job):
        # Another pod of the Job may try again, and succeed.
        return run.model_copy(update={"outcome": None, "detail": f"a pod has failed: {run.message}", "message": ""})
    if known.outcome == "failed" and not run.ended and not run.in_rollout:
        return run.model_copy(update={"outcome": "failed", "message": known.message})
    return run
