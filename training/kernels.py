"""How many kernels a run keeps on a CPU.

oneDNN compiles a kernel for each shape that it multiplies and keeps 1,024 of them. torch's layer over oneDNN (ideep)
keeps as many multiplications with their working memory. In a tuning nearly every batch has shapes of its own, so what
is kept is hardly used again, and it grew a run with the starter to more than 2 GB. A few suffice: within a step, layers
of one shape share a kernel. The numbers do not change what is computed.
"""

from __future__ import annotations

import os

CAPACITIES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "32"}
"""Kernels of oneDNN, and multiplications of ideep, by the variables that the libraries read when torch is loaded."""


def keep_few() -> None:
    """Let this process keep few kernels. Call this before torch is imported. What the environment sets stays."""
    for name, capacity in CAPACITIES.items():
        os.environ.setdefault(name, capacity)
