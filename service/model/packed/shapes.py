"""Rounds numbers of rows up, so that few shapes occur.

oneDNN compiles a kernel for each shape that it multiplies, which takes about a millisecond and 0.7 MB, and keeps a
thousand of them. Texts have every length, so their rows are filled up to a few numbers. Results for the added rows are
never read.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

FINE_ROWS, COARSE_ROWS = 16, 32
"""Steps to which rows are rounded up."""
FINE_ROWS_MAX = 256
"""Above this number of rows, coarse steps cost little."""


def rounded(rows: int) -> int:
    """The number of rows to which `rows` are filled up."""
    step = FINE_ROWS if rows <= FINE_ROWS_MAX else COARSE_ROWS
    return -(-rows // step) * step


def filled(numbers: Sequence[int]) -> torch.Tensor:
    """The numbers as a tensor, filled up with zeros to a `rounded` length."""
    return torch.tensor([*numbers, *[0] * (rounded(len(numbers)) - len(numbers))])


def filled_rows(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Rows […, rows, size] filled up with zeros to […, count, size]."""
    return F.pad(rows, (0, 0, 0, count - rows.size(-2)))
