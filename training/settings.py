"""The settings of a training run, from the environment (prefix SPANLOOP_, the same names as the backend's)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.settings import (
    BasicAuthSettings,
    ComputeSettings,
    HomeSettings,
    LabelStudioSettings,
    PredictionSettings,
    RegistrySettings,
    TextSettings,
)
from training.recipe import Recipe


class TrainingSettings(
    PredictionSettings,
    TextSettings,
    ComputeSettings,
    HomeSettings,
    LabelStudioSettings,
    BasicAuthSettings,
    RegistrySettings,
):
    """What a run can be told. What a backend reads as well has the same name there."""

    steps: int = Field(0, ge=0)
    """Steps of the optimizer, at most; 0: 200 to 300, by the number of examples."""
    batch_size: int = Field(16, ge=2)
    """Examples a step, replayed ones included."""
    encoder_rate: float = Field(0, ge=0)
    """Peak learning rate of the encoder; 0: by its width."""
    head_rate: float = Field(0, ge=0)
    """Peak learning rate of everything behind the encoder; 0: by the encoder's width."""
    seed: int = 0
    """The seed of batches, dropout and replay."""
    min_annotations: int = Field(20, ge=1)
    """Fewest annotated tasks that a run accepts."""
    backend_url: str = ""
    """Where the backend says which version is live."""
    progress_port: int = Field(0, ge=0, le=65535)
    """Where a run answers how it stands (/progress, /metrics); 0: nowhere."""
    termination_log: Path | None = None
    """Where a run leaves its outcome for whoever watches its pod."""
    replay_limit: int = Field(400, ge=0)
    """Most unannotated tasks of the projects that are replayed beside the general sentences."""

    def recipe(self, examples: int, width: int, bf16: bool) -> Recipe:
        """The recipe for so many training examples, an encoder of that width, and whether bfloat16 is native.

        Small encoders learn with larger rates: twice those that GLiNER's authors fine-tune with at width 768 (1e-5
        and 5e-5), times the cube of how much narrower the encoder is; checked at 384 (benchmarks/learning.py).
        """
        scale = (768 / width) ** 3
        return Recipe(
            steps=self.steps or max(200, min(300, 2 * examples)),
            batch_size=self.batch_size,
            encoder_rate=self.encoder_rate or 2e-5 * scale,
            head_rate=self.head_rate or 1e-4 * scale,
            bf16=bf16,
            seed=self.seed,
        )
