"""Training runs as Jobs: the manifest of a run's Job, and the run of a Job. Pure functions without requests."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from service.runs.run import Outcome, Run

KubeObject = dict[str, Any]

LABEL_VALUE_MAX = 63
"""Most characters of a label's value. A Job's name becomes a label of its pods."""

RUN_ANNOTATION = "spanloop.dev/run"
"""Annotation: the whole run as JSON, as the backend last mirrored it."""
PHASE_ANNOTATION = "spanloop.dev/phase"
PERCENT_ANNOTATION = "spanloop.dev/percent"
F1_ANNOTATION = "spanloop.dev/f1"
WAITS_ANNOTATION = "spanloop.dev/waits"
"""Annotations for `kubectl get jobs -o custom-columns=…`."""
RUN_LABEL = "spanloop.dev/run"
"""Label: the run's id, which all attempts of a run share."""
COMPONENT = {"app.kubernetes.io/component": "training"}


def name_of(release: str, run_id: str, attempt: int) -> str:
    """The Job's name. One run and attempt of a release have one name, so that no two Jobs are created for them.

    A name that is too long is cut and ends in six hex digits of its hash.
    """
    end = f"-{_cut(run_id, LABEL_VALUE_MAX // 2)}-{attempt}"
    return _cut(release, LABEL_VALUE_MAX - len(end)) + end


def _cut(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    return f"{name[: longest - 7].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def manifest(template: KubeObject, release: str, run: Run) -> KubeObject:
    """The Job of a run: the chart's template with the run's name, labels, annotations and projects."""
    job = copy.deepcopy(template)
    metadata = job.setdefault("metadata", {})
    metadata.pop("generateName", None)
    metadata["name"] = name_of(release, run.id, run.attempt)
    metadata["labels"] = {**metadata.get("labels", {}), RUN_LABEL: run.id}
    metadata["annotations"] = {**metadata.get("annotations", {}), **notes(run)}
    pod = job["spec"]["template"]
    labels = pod.setdefault("metadata", {}).setdefault("labels", {})
    labels[RUN_LABEL] = run.id
    container = pod["spec"]["containers"][0]
    projects = [argument for project in run.projects for argument in ("--project", str(project))]
    container["args"] = [*container.get("args", []), "--run", run.id, *projects]
    for kind, given in container.get("resources", {}).items():
        container["resources"][kind] = _quantities(given)
    return job


def _quantities(given: Any) -> Any:
    """Quantities as strings: YAML reads `nvidia.com/gpu: 1` as a number, which the client refuses to send."""
    return {name: str(value) for name, value in given.items()} if isinstance(given, dict) else given


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


def run_of(job: Mapping[str, Any]) -> Run:
    """The run of a Job, also of one that a user created, in the state that the Job's status implies."""
    run = noted(job) or _by_hand(job)
    if run.ended or run.in_rollout:
        return run  # its pods have done their work, so the Job's status does not matter
    failed = _condition(job, "Failed")
    if failed:
        return ended(run, "failed", _why_failed(failed))
    if _condition(job, "Complete"):
        return ended(run, "failed", "The run's Job is complete, but its outcome was not seen; its log has it.")
    return run


def is_active(job: Mapping[str, Any]) -> bool:
    """Whether a Job may still run."""
    return not _condition(job, "Failed") and not _condition(job, "Complete")


def why_waiting(job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> str:
    """Why a Job's run does not proceed, in words: a queue, no room on any node, an image that cannot be pulled.

    Empty while it proceeds. `pods`: the newest first. Only the newest counts: the others have ended.
    """
    if job["spec"].get("suspend"):
        return "suspended: it waits in a queue"
    newest = next(iter(pods), None)
    if newest is None:
        return "its pod is not there yet: the namespace's quota may be used up"
    status = newest.get("status", {})
    if status.get("phase") in ("Running", "Succeeded"):
        return ""
    if status.get("phase") == "Failed":
        return "its pod has failed: another one is made after a pause"
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"no node takes it: {condition.get('message') or condition.get('reason', '')}"
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in (None, "PodInitializing"):
            return f"its container waits: {waiting['reason']} {waiting.get('message', '')}".strip()
    return "its pod starts"


def noted(job: Mapping[str, Any]) -> Run | None:
    """The run as it was last mirrored onto its Job; None if the Job holds no readable one."""
    text = job["metadata"].get("annotations", {}).get(RUN_ANNOTATION)
    try:
        return Run.model_validate_json(text) if text else None
    except ValidationError:
        return None  # written by another release or by hand: the Job's status is used instead


def _by_hand(job: Mapping[str, Any]) -> Run:
    """The run of a Job that no backend created, but a user with kubectl or the CronJob's schedule."""
    arguments = [str(a) for a in job["spec"]["template"]["spec"]["containers"][0].get("args", [])]
    projects = [
        int(value) for name, value in itertools.pairwise(arguments) if name == "--project" and value.isdecimal()
    ]
    return Run(
        id=job["metadata"]["name"],
        projects=tuple(sorted(set(projects))),
        why="created with kubectl or by schedule",
        started=_time(job["metadata"].get("creationTimestamp")),
    )


def _time(stamp: str | None) -> datetime:
    return datetime.fromisoformat(stamp) if stamp else datetime.now().astimezone()


def _condition(job: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    conditions: list[Mapping[str, Any]] = job.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def _why_failed(condition: Mapping[str, Any]) -> str:
    reason = condition.get("reason", "")
    said = {
        "DeadlineExceeded": "The run took longer than its Job's activeDeadlineSeconds.",
        "BackoffLimitExceeded": "The run's pod failed as often as its Job's backoffLimit allows.",
    }.get(reason, f"The run's Job failed ({reason}: {condition.get('message', '')}).")
    return f"{said} The live version is untouched; Start Training tries again from the last checkpoint."


def ended(run: Run, outcome: Outcome, message: str) -> Run:
    """The run with an outcome: it waits for nothing, and nothing of it is left to roll out."""
    over = {"outcome": outcome, "message": message, "detail": "", "waits": "", "rollout": ""}
    return run.model_copy(update=over)
