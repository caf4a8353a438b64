"""Checkpoints of a tuning: one safetensors file, which is replaced atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and the rest of a tuning's state, which JSON can hold."""

    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]


def save(path: Path, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Write a checkpoint to a file beside `path`, sync that file, then rename it to `path`. Raises OSError."""
    partial = path.with_suffix(".partial")
    save_file(
        {name: t.detach().cpu().contiguous() for name, t in tensors.items()},
        partial,
        {"state": json.dumps(dict(state))},
    )
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(path)


def load(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, or None if there is none. Raises RuntimeError if the file is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - an open file, not a dict
            return Checkpoint(tensors, json.loads(opened.metadata()["state"]))
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise RuntimeError(f"The checkpoint {path} is damaged ({error}); delete it to tune from the start.") from error
