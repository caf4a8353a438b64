"""A linear layer whose weights lie as the processor's matrix multiplication reads them.

torch keeps a weight as [outputs, inputs] and has oneDNN reorder it in each call; at the few hundred rows that stay in
a processor's caches that is up to a third of the call. Reordered once, such a layer reaches a processor's full speed
from some thirty rows on, and what follows it (an activation, an addition) is done before its result leaves the cache.
torch's own compiler does the same, by the same operators.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

ACTIVATIONS = {"gelu": ("gelu", "none"), "gelu_new": ("gelu", "tanh"), "relu": ("relu", "")}
"""Activations that are done within the multiplication, by transformers' names: oneDNN's name and its variant."""


class PackedLinear:
    """y = activation(x Wᵀ + b) of [rows, inputs], for inference on a processor."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, activation: str | None = None) -> None:
        """Of a weight [outputs, inputs] and a bias [outputs]; `activation` is one of ACTIVATIONS."""
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), None)
        self._bias = None if bias is None else bias.detach()
        self._activation, self._variant = ACTIVATIONS[activation] if activation else ("none", "")

    @classmethod
    def of(cls, *layers: nn.Linear, activation: str | None = None) -> Self:
        """Of one layer, or of several that read the same input: their outputs then stand side by side."""
        weight = torch.cat([layer.weight.data for layer in layers])
        biases = [layer.bias.data for layer in layers if layer.bias is not None]
        return cls(weight, torch.cat(biases) if biases else None, activation)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[rows, outputs] of [rows, inputs]."""
        made: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self._weight, self._bias, self._activation, [], self._variant
        )
        return made

    def plus(self, rows: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """The layer without its activation, and `other` [rows, outputs] added."""
        made: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(rows, other, self._weight, self._bias, "add")
        return made
