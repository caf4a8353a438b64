"""Why the pods of a Job ended, in words that name what to change. Pure functions without requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FULL = "No space left on device"
"""What a program says whose volume is full."""
SIGNALS = 128
"""An exit code above this one is a signal: 137 is 9 (KILL), 143 is 15 (TERM)."""


def why_ended(pod: Mapping[str, Any]) -> str:
    """Why a pod that has failed ended; empty if it has not failed."""
    status = pod.get("status", {})
    if status.get("phase") != "Failed":
        return ""
    if status.get("reason") == "Evicted":
        return f"it was evicted: {status.get('message', '')}".rstrip(": ")
    for condition in status.get("conditions", []):
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            return f"the cluster ended it ({condition.get('reason', '')}): {condition.get('message', '')}".rstrip(": ")
    for container in status.get("containerStatuses", []):
        ended = container.get("state", {}).get("terminated")
        if ended and (ended.get("exitCode") or ended.get("reason") == "OOMKilled"):
            return _why_terminated(pod, container.get("name", ""), ended)
    return f"{status.get('reason', 'it failed')}: {status.get('message', 'its events say why')}"


def _why_terminated(pod: Mapping[str, Any], container: str, ended: Mapping[str, Any]) -> str:
    code = int(ended.get("exitCode", 0))
    if ended.get("reason") == "OOMKilled":
        limit = _memory_limit(pod, container)
        setting = f"{_component(pod)}.resources.limits.memory"
        return f"it was killed because it used more memory (OOMKilled) than {setting} allows{limit}: raise that value"
    if code > SIGNALS:
        return f"its program was ended by signal {code - SIGNALS} (exit code {code})"
    return f"its program ended with exit code {code}"


def _memory_limit(pod: Mapping[str, Any], container: str) -> str:
    """The limit in brackets; empty if the container has none, and its node had no memory left."""
    for one in pod.get("spec", {}).get("containers", []):
        limit = one.get("resources", {}).get("limits", {}).get("memory")
        if limit and one.get("name", "") == container:
            return f" ({limit})"
    return ""


def _component(pod: Mapping[str, Any]) -> str:
    """The part of the chart's values that the pod is made of."""
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get("app.kubernetes.io/component", "training"))


def explained(message: str, job: Mapping[str, Any]) -> str:
    """What a run's program said last; if its volume is full, also the volume's name and the chart's value for it."""
    if FULL not in message:
        return message
    volumes = job["spec"]["template"]["spec"].get("volumes", [])
    home: Mapping[str, Any] = next((volume for volume in volumes if volume.get("name") == "home"), {})
    claim = home.get("persistentVolumeClaim", {}).get("claimName")
    if claim:
        told = f"The volume of the claim {claim} is full: raise training.persistence.size and enlarge the claim."
    else:
        told = "The disk of the pod's node is full: free some, or set training.persistence.enabled in the chart."
    return f"{message} {told}"
