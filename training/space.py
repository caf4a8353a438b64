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
    """The volume has too little room for the rest of a run."""


def require(folder: Path, weights: Iterable[torch.Tensor]) -> None:
    """Raises NoSpace if the volume of `folder` has no room for a run with a model of these weights.

    What the folder holds counts: a run that is resumed has its checkpoint there.
    """
    size = sum(one.numel() * one.element_size() for one in weights)
    held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    needed, free = MODELS_KEPT * size - held, shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpace(
            f"The volume of {folder} has {_told(free)} free, and a run with this model keeps up to {_told(needed)} "
            "more. The run has stopped, and the live version is untouched. Free some, or raise "
            "training.persistence.size in the chart and enlarge the claim; then start the run again."
        )


def _told(size: int) -> str:
    return f"{size / (1 << 30):.2f} GiB"
