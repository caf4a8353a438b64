"""A linear layer in 8-bit integers: quicker than bf16 where a processor has VNNI, at the cost of some right answers.

Weights are rounded once, an output at a time; inputs as they come, by their range in the batch: with what a text stands
beside, its scores change a little. On two corpora three points of F1 were lost, so it is only used when asked for.
"""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from service.model.packed.linear import PackedLinear

REDUCED = not torch.cpu.get_capabilities().get("avx512_vnni", False)
"""Whether inputs are of 7 bits: without VNNI a sum of two products of 8 bits may not fit in 16."""


class QuantizedLinear(PackedLinear):
    """A PackedLinear that reads and gives fp32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, activation: str | None = None) -> None:
        weight = weight.detach().float()
        scales = (weight.abs().amax(1) / 127).clamp(min=torch.finfo(torch.float32).tiny).double()
        zeros = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():
            # torch will drop these operators in a release that is not allowed for here.
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor")
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(rounded, None if bias is None else bias.detach().float())
        self._gelu = {"gelu": "none", "gelu_new": "tanh"}.get(activation or "")
        self._multiply = torch.ops.quantized.linear_dynamic
        if activation == "relu":
            self._multiply = torch.ops.quantized.linear_relu_dynamic

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self._multiply(rows, self._packed, REDUCED)
        return made if self._gelu is None else F.gelu(made, approximate=self._gelu)

    def plus(self, rows: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return self(rows).add_(other)
