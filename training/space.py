"""Whether the volume has room for what a run keeps until its end: known at its start, instead of after hours."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import torch

MODELS_KEPT = 5
"""A run keeps at most so many times its model: a checkpoint with the optimizer's two averages, the new version in the
store, and the archive of it that is pushed."""


class NoSpace(RuntimeError):
    """The volume has too little room; nothing was trained."""


def require(folder: Path, weights: Iterable[torch.Tensor]) -> None:
    """Raises NoSpace if the volume of `folder` has no room for a run with a model of these weights."""
    size = sum(one.numel() * one.element_size() for one in weights)
    needed, free = MODELS_KEPT * size, shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpace(
            f"The volume of {folder} has {_told(free)} free, and a run with this model keeps up to {_told(needed)}. "
            "Nothing was trained, and the live version is untouched. Free some, or raise training.persistence.size in "
            "the chart and enlarge the claim; then start the run again."
        )


def _told(size: int) -> str:
    return f"{size / (1 << 30):.2f} GiB"
