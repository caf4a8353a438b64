"""Platt's map from a network's scores to probabilities (see `service.model.calibration`), fitted to what was right."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from service.model.calibration import DEFAULT_THRESHOLD, SCORES, logit
from training.candidates import Candidates

SLOPE_DEVIATION = 1.0
"""The standard deviation of the prior of the slope's logarithm, which is normal around 0."""
OFFSET_DEVIATION = 10.0
"""The same of the offset that the labels have in common."""
LABEL_DEVIATION = 0.5
"""The same of what a label's offset is beside that. Trials could not tell 0.25 from 2."""
MOST_STEPS = 200
"""Steps of L-BFGS, which needs some twenty."""
DECIMALS = 4
"""Of slopes, offsets and thresholds, all in logits: no threshold is rounded to a probability of 0 or 1."""
LEAST, MOST = (logit(score) for score in SCORES)


class Scaling(NamedTuple):
    """A slope for all labels, and an offset for each."""

    slope: float
    offsets: torch.Tensor

    def mapped(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The logits of the probabilities of scores, which are given by their logits and the places of their labels."""
        return (self.slope * logits + self.offsets[label]).clamp(LEAST, MOST)

    @property
    def default(self) -> torch.Tensor:
        """What the default threshold of a score is mapped to for each label, in logits."""
        everywhere = torch.full_like(self.offsets, logit(DEFAULT_THRESHOLD))
        return self.mapped(everywhere, torch.arange(len(self.offsets))).round(decimals=DECIMALS)


def scale(candidates: Candidates, groups: torch.Tensor) -> Scaling:
    """The most probable slope and offsets: a logistic regression whose priors are normal.

    `groups` has the group of each label, from 0 on: the labels of a group share an offset. A group without candidates
    has what all have in common.
    """
    is_right, group = candidates.is_right.double(), groups[candidates.label]
    slope = torch.zeros((), dtype=torch.float64, requires_grad=True)  # its logarithm: the map is monotone
    offset = torch.zeros((), dtype=torch.float64, requires_grad=True)
    apart = torch.zeros(int(groups.max()) + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([slope, offset, apart], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        mapped = slope.exp() * candidates.logits + offset + apart[group]
        unlikely = binary_cross_entropy_with_logits(mapped, is_right, reduction="sum")
        far = (slope / SLOPE_DEVIATION) ** 2 + (offset / OFFSET_DEVIATION) ** 2
        total: torch.Tensor = unlikely + (far + ((apart / LABEL_DEVIATION) ** 2).sum()) / 2
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    offsets = (offset + apart).detach().round(decimals=DECIMALS)
    return Scaling(round(slope.exp().item(), DECIMALS), offsets[groups])
