"""From which probability on the spans of a label are best taken.

With calibrated probabilities the threshold of the best F1 is half of that F1 (Lipton, Elkan, Naryanaswamy: Optimal
Thresholding of Classifiers to Maximize F1 Measure, 2014). The F1 is the one that the probabilities promise. Thresholds
chosen by what was right in the texts were worse in trials: too few spans are near a threshold.
"""

from __future__ import annotations

import torch

from training.candidates import Candidates
from training.scaling import DECIMALS, Scaling

PRIOR_SPANS = 100
"""The threshold of all labels is between the default one and the best: in the middle for so many annotated spans."""
PRIOR_SPANS_OF_LABEL = 300
"""The threshold of a label is between that of all labels and its own best one: in the middle for so many spans."""
FURTHEST = 0.01
"""No threshold is nearer to 0 or 1."""


def best(candidates: Candidates, scaling: Scaling) -> torch.Tensor:
    """The threshold of each label, in logits: the nearer to the one that the candidates promise, the more annotated
    spans there are."""
    chances = scaling.mapped(candidates.logits, candidates.label).sigmoid()
    support = candidates.support
    of_all = _between(scaling.default.mean(), _promised(chances, support.sum()), support.sum(), PRIOR_SPANS)
    own = [_promised(chances[candidates.label == place], spans) for place, spans in enumerate(support)]
    return _between(of_all, torch.stack(own), support, PRIOR_SPANS_OF_LABEL).round(decimals=DECIMALS)


def _promised(chances: torch.Tensor, annotated: torch.Tensor) -> torch.Tensor:
    """The threshold of the best F1 that these probabilities promise: half of it, so that the 2 of 2 · right / (found +
    annotated) falls away. 0 without any."""
    right = chances.sort(descending=True).values.cumsum(0)
    found = torch.arange(1, len(right) + 1)
    return torch.cat([torch.zeros(1, dtype=right.dtype), right / (found + annotated)]).max()


def _between(prior: torch.Tensor, best: torch.Tensor, spans: torch.Tensor, prior_spans: int) -> torch.Tensor:
    """Between a logit and a probability, as a logit: the nearer to `best`, the more spans it is chosen by."""
    share = spans / (spans + prior_spans)
    return (1 - share) * prior + share * best.clamp(FURTHEST, 1 - FURTHEST).logit()
