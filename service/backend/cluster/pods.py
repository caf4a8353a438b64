"""What the program in a Job's pod says of itself, and what it is asked."""

from __future__ import annotations

import logging

import httpx

from service.backend.cluster.jobs import KubeObject

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
"""Seconds to wait for a pod; the next tick asks it again."""


def report_of(pod: KubeObject, port: int) -> str:
    """What a pod reports: its termination message, or what it answers at /progress while it runs. Empty if nothing."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        ended = container.get("state", {}).get("terminated")
        if ended:
            return str(ended.get("message", ""))
    return ask(pod, port, "GET", "/progress")


def ask(pod: KubeObject, port: int, method: str, path: str) -> str:
    """What the program in a pod answers to a request; empty if it does not answer."""
    address = pod.get("status", {}).get("podIP")
    if pod.get("status", {}).get("phase") != "Running" or not address:
        return ""
    try:
        host = f"[{address}]" if ":" in address else address
        answer = httpx.request(method, f"http://{host}:{port}{path}", timeout=PROGRESS_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.debug("pod %s does not answer (%s)", pod["metadata"]["name"], type(error).__name__)
        return ""
    return answer.text if answer.is_success else ""
