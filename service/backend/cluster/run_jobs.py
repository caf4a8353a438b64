"""Training runs as Jobs: the manifest of a run's Job, and the run of a Job. Pure functions without requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from service.backend.cluster.jobs import (
    LABEL_VALUE_MAX,
    PERCENT_ANNOTATION,
    PHASE_ANNOTATION,
    WAITS_ANNOTATION,
    KubeObject,
    condition,
    created,
    cut,
    projects_of,
    stamped,
)
from service.runs.run import Run

RUN_ANNOTATION = "spanloop.dev/run"
"""Annotation: the whole run as JSON, as the backend last mirrored it."""
CANCELLED_ANNOTATION = "spanloop.dev/cancelled"
"""Annotation: somebody has cancelled the run. It is written with the Job's deadline and never again, so a backend that
mirrors what it read before that does not take it back."""
F1_ANNOTATION = "spanloop.dev/f1"
"""Annotation for `kubectl get jobs -o custom-columns=…`."""
RUN_LABEL = "spanloop.dev/run"
"""Label: the run's id, which all attempts of a run share."""


def name_of(release: str, run_id: str, attempt: int) -> str:
    """The Job's name. One run and attempt of a release have one name, so that no two Jobs are created for them.

    A name that is too long is cut and ends in six hex digits of its hash.
    """
    end = f"-{cut(run_id, LABEL_VALUE_MAX // 2)}-{attempt}"
    return cut(release, LABEL_VALUE_MAX - len(end)) + end


def manifest(template: KubeObject, release: str, run: Run) -> KubeObject:
    """The Job of a run: the chart's template with the run's name, labels, annotations and projects."""
    projects = [argument for project in run.projects for argument in ("--project", str(project))]
    return stamped(
        template,
        name_of(release, run.id, run.attempt),
        labels={RUN_LABEL: run.id},
        annotations=notes(run),
        arguments=["--run", run.id, *projects],
    )


def notes(run: Run) -> dict[str, str]:
    """The annotations that describe a run on its Job."""
    new = run.scores.get("new")
    return {
        RUN_ANNOTATION: run.model_dump_json(exclude_defaults=True),
        PHASE_ANNOTATION: run.outcome or run.phase,
        PERCENT_ANNOTATION: f"{run.percent:.0f}",
        F1_ANNOTATION: f"{new.f1:.3f}" if new else "",
        WAITS_ANNOTATION: run.waits,
    }


def run_of(job: Mapping[str, Any], pod_ended: str = "") -> Run:
    """The run of a Job, also of one that a user created, in the state that the Job's status implies.

    `pod_ended`: why the last of its pods ended that left no words, where one is still there."""
    run = noted(job) or _by_hand(job)
    if pod_ended and not run.ended:
        run = run.model_copy(update={"pod_ended": pod_ended})
    if run.ended or run.in_rollout:
        return run  # its pods have done their work, so the Job's status does not matter
    failed = condition(job, "Failed")
    if failed:
        return run.end("failed", _why_failed(failed, run.pod_ended))
    if condition(job, "Complete"):
        return run.end("failed", "The run's Job is complete, but its outcome was not seen; its log has it.")
    return run


def noted(job: Mapping[str, Any]) -> Run | None:
    """The run as it was last mirrored onto its Job; None if the Job holds no readable one."""
    text = job["metadata"].get("annotations", {}).get(RUN_ANNOTATION)
    try:
        return Run.model_validate_json(text) if text else None
    except ValidationError:
        return None  # written by another release or by hand: the Job's status is used instead


def _by_hand(job: Mapping[str, Any]) -> Run:
    """The run of a Job that no backend created, but a user with kubectl or the CronJob's schedule."""
    return Run(
        id=job["metadata"]["name"],
        projects=tuple(sorted(set(projects_of(job)))),
        why="created with kubectl or by schedule",
        started=created(job),
    )


def _why_failed(condition: Mapping[str, Any], pod_ended: str) -> str:
    reason = condition.get("reason", "")
    said = {
        "DeadlineExceeded": "The run took longer than its Job's activeDeadlineSeconds.",
        "BackoffLimitExceeded": "The run's pod failed as often as its Job's backoffLimit allows.",
    }.get(reason, f"The run's Job failed ({reason}: {condition.get('message', '')}).")
    last = f" Its last pod: {pod_ended}." if pod_ended else ""
    return f"{said}{last} The live version is untouched; Start Training tries again from the last checkpoint."
