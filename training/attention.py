"""The attention of encoders while they learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def plain_attention(network: torch.nn.Module) -> Iterator[None]:
    """Let encoders on a CPU do without fused attention, which takes twice the time backwards there."""
    on_cpu = next(network.parameters()).device.type == "cpu"
    fused: list[Any] = [module for module in network.modules() if on_cpu and _has_fused_attention(module)]
    for module in fused:
        module.set_attn_implementation("eager")
    try:
        yield
    finally:
        for module in fused:
            module.set_attn_implementation("sdpa")


def _has_fused_attention(module: Any) -> bool:
    return hasattr(module, "set_attn_implementation") and module.config._attn_implementation == "sdpa"
