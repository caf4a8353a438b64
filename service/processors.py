"""How many processors this process may use: those that it may run on, and what its container is granted of them."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available(cgroup: Path = CGROUP) -> int:
    """At least 1. A container's limit counts, where it has one: threads beyond it would only be throttled."""
    # macOS knows only how many there are.
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(own, _granted(cgroup))))


def _granted(cgroup: Path) -> float:
    """Processors that the control group grants, by version 2 or 1 of its interface; infinite without a limit."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        granted = float(quota) / float(period)
    except (OSError, ValueError):  # no control groups here, or no limit ("max")
        return math.inf
    return granted if granted > 0 else math.inf  # version 1 writes -1 for no limit
