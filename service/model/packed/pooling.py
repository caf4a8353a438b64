"""From the states of sub-tokens to those of words."""

from __future__ import annotations

from itertools import accumulate
from typing import Protocol

import torch
import torch.nn.functional as F

from service.model.packed.sequences import Sequences


class Pooling(Protocol):
    """Which sub-tokens are read for the words, and the words [words, size] of their states."""

    def places(self, sequences: Sequences) -> list[int]: ...

    def __call__(self, states: torch.Tensor, sequences: Sequences) -> torch.Tensor: ...


class FirstPooling:
    """A word is its first sub-token."""

    def places(self, sequences: Sequences) -> list[int]:
        firsts = accumulate(sequences.counts[:-1], initial=0)
        return [sequences.pieces[first] for first in firsts]

    def __call__(self, states: torch.Tensor, sequences: Sequences) -> torch.Tensor:
        return states


class MeanPooling:
    """A word is the mean of its sub-tokens."""

    def places(self, sequences: Sequences) -> list[int]:
        return sequences.pieces

    def __call__(self, states: torch.Tensor, sequences: Sequences) -> torch.Tensor:
        firsts = torch.tensor([*accumulate(sequences.counts[:-1], initial=0)])
        return F.embedding_bag(torch.arange(len(states)), states, firsts, mode="mean")


POOLINGS: dict[str, type[Pooling]] = {"first": FirstPooling, "mean": MeanPooling}
"""By the names that GLiNER has for them."""
