"""What a model computes in and with: precisions and threads."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}
"""What a model computes in, by precision. In int8 the linear layers compute in 8-bit integers."""


def best_precision(device: torch.device) -> Precision:
    """bf16 if it is native on the device, else fp16 on a GPU and fp32 on a CPU."""
    if bf16_is_native(device):
        return "bf16"
    return "fp16" if device.type == "cuda" else "fp32"


def bf16_is_native(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware. If not, bfloat16 is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def use_threads(count: int) -> None:
    """Let torch compute with `count` threads in this process."""
    torch.set_num_threads(count)
