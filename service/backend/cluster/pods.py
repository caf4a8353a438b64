"""What the programs in pods say of themselves, and what they are asked."""

from __future__ import annotations

import logging

import httpx

from service.backend.cluster.jobs import KubeObject
from service.errors import Cause
from service.versions.pull import EXIT_REFUSED

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
"""Seconds to wait for a pod; the next tick asks it again."""

PULLING = "pull"
"""The init container of the extractor that pulls and verifies a version, in the chart."""


def report_of(pod: KubeObject, port: int) -> str:
    """What a pod reports: its termination message, or what it answers at /progress while it runs. Empty if nothing."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        ended = container.get("state", {}).get("terminated")
        if ended:
            return str(ended.get("message", ""))
    return ask(pod, port, "GET", "/progress")


def refusal_of(pod: KubeObject) -> str:
    """Why a pod of the extractor refuses its version for the signature; empty if it does not.

    The init container says it in its termination message, the extractor at /ready.
    """
    status = pod.get("status", {})
    for container in status.get("initContainerStatuses", []):
        if container.get("name") != PULLING:
            continue
        for state in ("state", "lastState"):
            ended = container.get(state, {}).get("terminated") or {}
            if ended.get("exitCode") == EXIT_REFUSED:
                return str(ended.get("message", ""))
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    if not ports or _is_ready(pod):
        return ""
    answer = _request(pod, ports[0]["containerPort"], "GET", "/ready")
    try:
        told = answer.json() if answer is not None else {}
        return str(told["error"]) if told.get("cause") == Cause.SIGNATURE else ""
    except (ValueError, AttributeError, KeyError):
        return ""


def _is_ready(pod: KubeObject) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def ask(pod: KubeObject, port: int, method: str, path: str) -> str:
    """What the program in a pod answers to a request; empty if it does not answer."""
    answer = _request(pod, port, method, path)
    return answer.text if answer is not None and answer.is_success else ""


def _request(pod: KubeObject, port: int, method: str, path: str) -> httpx.Response | None:
    """A pod's answer to a request; None if it does not answer."""
    address = pod.get("status", {}).get("podIP")
    if pod.get("status", {}).get("phase") != "Running" or not address:
        return None
    try:
        host = f"[{address}]" if ":" in address else address
        return httpx.request(method, f"http://{host}:{port}{path}", timeout=PROGRESS_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.debug("pod %s does not answer (%s)", pod["metadata"]["name"], type(error).__name__)
        return None
