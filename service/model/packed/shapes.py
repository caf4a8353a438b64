"""Numbers of rows that recur.

oneDNN compiles a program for each shape that it multiplies: about a millisecond and 0.7 MB each, of which it keeps a
thousand. Texts come in every length, so rows are filled up to a few numbers; what is computed for the rows that are
added is never read.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

FINE, COARSE = 16, 32
MANY = 256
"""Rows from which on coarser steps cost little."""


def rounded(rows: int) -> int:
    """The number of rows that so many are filled up to."""
    step = FINE if rows <= MANY else COARSE
    return -(-rows // step) * step


def filled(numbers: Sequence[int]) -> torch.Tensor:
    """Numbers as a tensor, filled up with zeros."""
    return torch.tensor([*numbers, *[0] * (rounded(len(numbers)) - len(numbers))])


def filled_rows(rows: torch.Tensor, count: int) -> torch.Tensor:
    """[…, count, size] of […, rows, size], filled up with zeros."""
    return F.pad(rows, (0, 0, 0, count - rows.size(-2)))
