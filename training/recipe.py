"""The hyperparameters of a fine-tuning. This module imports no torch, because the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """All hyperparameters of a fine-tuning."""

    steps: int = 500
    """Maximum of optimizer steps; early stopping may end the tuning sooner."""
    batch_size: int = 16
    """Examples per step, including replayed ones."""
    replay_share: float = 0.5
    """Share of replayed examples in each batch."""
    replay_weight: float = 1.0
    """Weight of a replayed example's loss; a new one's is 1."""
    copies: int = 0
    """Copies of an annotated text with other mentions (see `mentions`) that are learnt from beside it, at most."""
    encoder_rate: float = 1e-4
    """Peak learning rate of the pretrained encoder (AdamW)."""
    head_rate: float = 5e-4
    """Peak learning rate of all layers after the encoder."""
    average: float = 0.998
    """Share of the averaged weights that stays at a step; 0: no average."""
    warmup: float = 0.1
    """Share of the steps in which the learning rates rise."""
    decay: float = 0.0
    """Share of the steps, the last ones, in which the learning rates fall to nothing. Averaged weights need none."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Maximum norm of the gradient."""
    focal_alpha: float = 0.75
    """Weight of positives in GLiNER's focal loss; -1: no weight (cross-entropy if gamma is 0)."""
    focal_gamma: float = 0.0
    evaluations: int = 5
    """How often the validation texts are scored, spread evenly over the second half of the steps. In the first half
    the learning rates are high and the weights move much, so a good score on few texts would be chance."""
    patience: int = 3
    """Number of evaluations without a better score after which tuning ends."""
    forgetting_limit: float = 0.05
    """F1 that the weights may lose on the guard sentences as they move towards the tuned ones (see `blend`)."""
    bf16: bool = False
    """Whether the network computes in bfloat16 (weights, loss and optimizer stay fp32)."""
    minutes: float = 0
    """The time budget of the whole run; 0: none. It may leave time for fewer steps: then `steps` of a published version
    are those, and the warm-up is a share of them."""
    checkpoint_seconds: float = 60.0
    seed: int = 0

    @property
    def replayed(self) -> int:
        """Replayed examples in a batch."""
        return round(self.batch_size * self.replay_share)
