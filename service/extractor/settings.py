"""The settings of an extractor: what it serves, and in which precision."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from service.settings import ComputeSettings, LiveSettings, ServerSettings, SignatureSettings


class EngineSettings(ComputeSettings, SignatureSettings):
    """What an engine computes with, in a process of its own or in the backend's."""

    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """What the model serves in; `auto`: bf16 where the device multiplies it in hardware (fp16 on other GPUs), else
    fp32. int8, on a processor with VNNI, is quicker still, and finds a little less. Runs learn in bf16 where that is
    native, and judge in fp32."""


class ExtractorSettings(EngineSettings, LiveSettings, ServerSettings):
    """What an extractor that is a program of its own can be told."""

    pulled: Path | None = None
    """Where the init container puts the live version's model, in a directory of the version's name."""
