"""The knobs of a fine-tuning. No torch here: settings and the command line read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """All knobs of a fine-tuning, in one place."""

    steps: int = 500
    """Steps of the optimizer, at most: early stopping may end sooner."""
    batch_size: int = 16
    """Examples a step, replayed ones included."""
    replay_share: float = 0.5
    """Share of each batch that is replayed."""
    encoder_rate: float = 1e-4
    """Peak learning rate of the pretrained encoder (AdamW)."""
    head_rate: float = 5e-4
    """Peak learning rate of everything behind the encoder."""
    warmup: float = 0.1
    """Share of the steps in which the rate rises."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    focal_alpha: float = 0.75
    """GLiNER's focal loss: weight of positives; -1 for none (plain cross-entropy with gamma 0)."""
    focal_gamma: float = 0.0
    evaluations: int = 5
    """How often the validation texts are scored, evenly over the second half of the steps: before that the rate is
    high, the weights move much, and one of many scores on few texts would win by chance."""
    patience: int = 3
    """Evaluations without a better score after which tuning ends."""
    bf16: bool = False
    """Whether the network computes in bfloat16 (weights, loss and optimizer stay fp32)."""
    checkpoint_seconds: float = 60.0
    seed: int = 0
