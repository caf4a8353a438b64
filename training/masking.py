"""Words that an example says nothing about have no part in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from training.dataset import Example

NO_LOSS = -100
"""The target that GLiNER's loss ignores (its ignore_index)."""


def mask(inputs: dict[str, Any], batch: Sequence[Example], max_width: int) -> None:
    """Take the negatives that touch masked words out of the loss, in a collated batch, in place.

    A span model's candidates are numbered start · max_width + width - 1, and its `span_mask` [batch, candidates] says
    which count. A token model's labels are [batch, words, labels, 3].
    """
    labels: torch.Tensor = inputs["labels"]
    for row, example in enumerate(batch):
        for first, last in example.masked:
            if labels.dim() == 4:
                touched = labels[row, first : last + 1]
                touched[touched == 0] = NO_LOSS
                continue
            starts = torch.arange(labels.size(1)) // max_width
            ends = starts + torch.arange(labels.size(1)) % max_width
            negative = (starts <= last) & (ends >= first) & ~labels[row].bool().any(dim=-1)
            inputs["span_mask"][row, negative] = False
