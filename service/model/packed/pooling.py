"""Makes the states of words from the states of their sub-tokens."""

from __future__ import annotations

from itertools import accumulate
from typing import Protocol

import torch
import torch.nn.functional as F

from service.model.packed.sequences import Sequences


class Pooling(Protocol):
    """How the state of a word follows from the states of its sub-tokens."""

    def places(self, sequences: Sequences) -> list[int]:
        """Indices of the sub-tokens whose states `__call__` needs."""
        ...

    def __call__(self, states: torch.Tensor, sequences: Sequences) -> torch.Tensor:
        """The words' states [words, size], from the states [places, size] at `places`."""
        ...


class FirstPooling:
    """The state of a word is that of its first sub-token."""

    def places(self, sequences: Sequences) -> list[int]:
        firsts = accumulate(sequences.counts[:-1], initial=0)
        return [sequences.pieces[first] for first in firsts]

    def __call__(self, states: torch.Tensor, sequences: Sequences) -> torch.Tensor:
        return states


class MeanPooling:
    """The state of a word is the mean over its sub-tokens."""

    def places(self, sequences: Sequences) -> list[int]:
        return sequences.pieces

    def __call__(self, states: torch.Tensor, sequences: Sequences) -> torch.Tensor:
        firsts = torch.tensor([*accumulate(sequences.counts[:-1], initial=0)])
        return F.embedding_bag(torch.arange(len(states)), states, firsts, mode="mean")


POOLINGS: dict[str, type[Pooling]] = {"first": FirstPooling, "mean": MeanPooling}
"""Poolings by GLiNER's names."""
