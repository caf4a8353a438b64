"""What DeBERTa's attention makes of two tokens' distance, in learning and in both forwards.

A score of DeBERTa (He et al., 2021, arXiv:2006.03654, equation 4) adds to query · key two terms that depend on the
distance of the two tokens: query · position key, and key · position query. The positions' projections do not depend on
the text; of their table only the 2n - 1 distances that n tokens can have are used; and a matrix [token, distance]
becomes [token, token] by reading its rows at a stride of one less: a view, where the original gathers by index.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from service.model.gliner import make_log_bucket_position

TERMS = 3
"""Terms of a score: scores are divided by the root of so many times a head's size."""


def is_known(attention: Any) -> bool:
    """Whether a DisentangledSelfAttention has both terms that depend on the distance."""
    return attention.relative_attention and set(attention.pos_att_type) == {"c2p", "p2c"}


def distance_rows(attention: Any, count: int, device: torch.device | None = None) -> torch.Tensor:
    """Where the encoder's table has the distances 1 - count to count - 1: [2 count - 1]."""
    distances = torch.arange(1 - count, count, device=device)
    if attention.position_buckets > 0 and attention.max_relative_positions > 0:
        distances = make_log_bucket_position(distances, attention.position_buckets, attention.max_relative_positions)
    rows: torch.Tensor = (distances.long() + attention.pos_ebd_size).clamp(0, 2 * attention.pos_ebd_size - 1)
    return rows


def distance_projections(attention: Any) -> tuple[nn.Linear, nn.Linear]:
    """What the table's rows are projected with to be keys, and to be queries."""
    if attention.share_att_key:
        return attention.key_proj, attention.query_proj
    return attention.pos_key_proj, attention.pos_query_proj


def shifted(scores: torch.Tensor, columns: int) -> torch.Tensor:
    """[…, n, columns] of […, n, n + columns - 1]: in row i the columns from n - 1 - i on. A view."""
    rows, width = scores.shape[-2:]
    strides = *scores.stride()[:-2], width - 1, 1
    return scores.as_strided((*scores.shape[:-1], columns), strides, scores.storage_offset() + rows - 1)
