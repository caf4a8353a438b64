"""The optimizer of a tuning, and its learning rates by step."""

from __future__ import annotations

import math
from typing import Any

import torch

from training.recipe import Recipe

ENCODERS = ("bert_layer", "labels_encoder")
"""What GLiNER calls its pretrained encoders: that of the texts, and a bi-encoder's of the labels."""


def make(network: torch.nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with one rate for the pretrained encoders and one for all other layers. A group's `peak` is its rate."""
    encoder: list[torch.nn.Parameter] = []
    head: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (encoder if any(part in name for part in ENCODERS) else head).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": encoder, "lr": recipe.encoder_rate, "peak": recipe.encoder_rate},
        {"params": head, "lr": recipe.head_rate, "peak": recipe.head_rate},
    ]
    # Fused: one pass over the parameters; in several the optimizer took a tenth of a small model's step.
    return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)


def rate(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at a step: a linear rise, a plateau, then half a cosine down to nothing."""
    rise, fall = max(1, round(recipe.steps * recipe.warmup)), round(recipe.steps * recipe.decay)
    if step < rise:
        return (step + 1) / rise
    fallen = max(0, step - (recipe.steps - fall)) / max(1, fall)
    return 0.5 * (1 + math.cos(math.pi * fallen))
