"""The number of CPUs that this process may use: those of its affinity mask, within its container's limit."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available(cgroup: Path = CGROUP) -> int:
    """The CPUs that this process may use, rounded up, at least 1. A container throttles threads beyond its limit."""
    # macOS has no affinity mask.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(usable, _limit(cgroup))))


def _limit(cgroup: Path) -> float:
    """The CPU limit of the control group, by version 2 or 1 of its interface; infinite without a limit."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        limit = float(quota) / float(period)
    except (OSError, ValueError):  # there are no control groups here, or there is no limit ("max")
        return math.inf
    return limit if limit > 0 else math.inf  # version 1 writes -1 for no limit
