"""What the program in a Job's pod says of itself."""

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
    address = pod.get("status", {}).get("podIP")
    if pod.get("status", {}).get("phase") != "Running" or not address:
        return ""
    try:
        host = f"[{address}]" if ":" in address else address
        answer = httpx.get(f"http://{host}:{port}/progress", timeout=PROGRESS_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.debug("pod %s does not report (%s)", pod["metadata"]["name"], type(error).__name__)
        return ""
    return answer.text if answer.is_success else ""
