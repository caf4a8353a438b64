"""Jobs from the chart's templates: how one is made, and how it stands. Functions without requests."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from service.backend.cluster.endings import why_ended

KubeObject = dict[str, Any]

LABEL_VALUE_MAX = 63
"""Most characters of a label's value. A Job's name becomes a label of its pods."""

PHASE_ANNOTATION = "spanloop.dev/phase"
PERCENT_ANNOTATION = "spanloop.dev/percent"
WAITS_ANNOTATION = "spanloop.dev/waits"
"""Annotations for `kubectl get jobs -o custom-columns=…`."""


def template_of(path: Path) -> KubeObject:
    """A Job's manifest from the chart. It is read for each Job: an upgrade changes it while the backend runs."""
    template: KubeObject = yaml.safe_load(path.read_text(encoding="utf-8"))
    return template


def stamped(
    template: KubeObject, name: str, labels: dict[str, str], annotations: dict[str, str], arguments: Sequence[str]
) -> KubeObject:
    """A Job: the chart's template with a name, annotations, labels (also of its pods) and more arguments."""
    job = copy.deepcopy(template)
    metadata = job.setdefault("metadata", {})
    metadata.pop("generateName", None)
    metadata["name"] = name
    metadata["labels"] = {**metadata.get("labels", {}), **labels}
    metadata["annotations"] = {**metadata.get("annotations", {}), **annotations}
    pod = job["spec"]["template"]
    pod.setdefault("metadata", {}).setdefault("labels", {}).update(labels)
    container = pod["spec"]["containers"][0]
    container["args"] = [*container.get("args", []), *arguments]
    for kind, given in container.get("resources", {}).items():
        container["resources"][kind] = _quantities(given)
    return job


def _quantities(given: Any) -> Any:
    """Quantities as strings: YAML reads `nvidia.com/gpu: 1` as a number, which the client refuses to send."""
    return {name: str(value) for name, value in given.items()} if isinstance(given, dict) else given


def cut(name: str, longest: int) -> str:
    """A name of at most so many characters. One that is too long is cut and ends in six hex digits of its hash."""
    if len(name) <= longest:
        return name
    return f"{name[: longest - 7].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def is_active(job: Mapping[str, Any]) -> bool:
    """Whether a Job may still run."""
    return not condition(job, "Failed") and not condition(job, "Complete")


def why_waiting(job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> str:
    """Why a Job does not proceed, in words: a queue, no room on any node, an image that cannot be pulled.

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
        return f"its pod has failed ({why_ended(newest)}): another one is made after a pause"
    for one in status.get("conditions", []):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return f"no node takes it: {one.get('message') or one.get('reason', '')}"
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in (None, "PodInitializing"):
            return f"its container waits: {waiting['reason']} {waiting.get('message', '')}".strip()
    return "its pod starts"


def created(job: Mapping[str, Any]) -> datetime:
    """When a Job was created."""
    stamp = job["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(stamp) if stamp else datetime.now().astimezone()


def arguments_of(job: Mapping[str, Any]) -> list[str]:
    """The arguments of a Job's program."""
    return [str(argument) for argument in job["spec"]["template"]["spec"]["containers"][0].get("args", [])]


def projects_of(job: Mapping[str, Any]) -> list[int]:
    """The Label Studio projects in a Job's arguments, as `--project 5` or `--project=5`."""
    split = [part for argument in arguments_of(job) for part in argument.split("=", 1)]
    return [int(value) for name, value in itertools.pairwise(split) if name == "--project" and value.isdecimal()]


def condition(job: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """A Job's condition of a kind, for example Failed; None if it does not hold."""
    conditions: list[Mapping[str, Any]] = job.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)
