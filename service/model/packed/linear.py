"""A linear layer whose weights are stored in the order in which oneDNN's matrix multiplication reads them.

torch keeps a weight as [outputs, inputs], and oneDNN reorders it in each call. For the few hundred rows that fit into a
CPU's caches this takes up to a third of the call. With weights that are reordered once, a layer reaches a CPU's full
speed from about thirty rows on. oneDNN also applies an activation or an addition before the result leaves the cache.
torch's own compiler uses the same operators.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

ACTIVATIONS = {"gelu": ("gelu", "none"), "gelu_new": ("gelu", "tanh"), "relu": ("relu", "")}
"""Activations that oneDNN applies within the multiplication: transformers' name to oneDNN's name and variant."""


class PackedLinear:
    """y = activation(x Wᵀ + b) for x [rows, inputs], for inference on a CPU."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, activation: str | None = None) -> None:
        """`weight` is [outputs, inputs], `bias` [outputs], `activation` a key of ACTIVATIONS."""
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), None)
        self._bias = None if bias is None else bias.detach()
        self._activation, self._variant = ACTIVATIONS[activation] if activation else ("none", "")

    @classmethod
    def of(cls, *layers: nn.Linear, activation: str | None = None) -> Self:
        """Pack one layer, or several layers with the same input, whose outputs are then concatenated."""
        weight = torch.cat([layer.weight.data for layer in layers])
        biases = [layer.bias.data for layer in layers if layer.bias is not None]
        return cls(weight, torch.cat(biases) if biases else None, activation)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """The outputs [rows, outputs] for `rows` [rows, inputs]."""
        outputs: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self._weight, self._bias, self._activation, [], self._variant
        )
        return outputs

    def plus(self, rows: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """The outputs without the activation, plus `other` [rows, outputs]."""
        outputs: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(rows, other, self._weight, self._bias, "add")
        return outputs
