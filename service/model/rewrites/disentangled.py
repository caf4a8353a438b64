"""DeBERTa's attention with its relative positions projected once, and shifted into place instead of gathered.

See `service.model.deberta` for the terms of a score that depend on them.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from service.model.deberta import TERMS, distance_projections, distance_rows, is_known, shifted
from service.model.gliner import DisentangledSelfAttention


class SharedPositions(DisentangledSelfAttention):  # type: ignore[misc]
    """A DisentangledSelfAttention with the same parameters, under the same names."""

    _projected: tuple[object, tuple[torch.Tensor, torch.Tensor]] | None = None
    """The positions' projections, and what they were made with."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor,
        output_attentions: bool = False,
        query_states: torch.Tensor | None = None,
        relative_pos: torch.Tensor | None = None,
        rel_embeddings: Any = None,
    ) -> tuple[torch.Tensor, None]:
        """Attend within each text.

        `hidden_states` is [batch, tokens, size]. `attention_mask` is [batch, 1, tokens, tokens], 0 where the first
        token must not attend to the second. The first token of a text is never padding. Returns [batch, tokens, size],
        with meaningless values at padding.
        """
        batch, count, _ = hidden_states.shape
        query = self._heads(self.query_proj(hidden_states)) / math.sqrt(TERMS * self.attention_head_size)
        key = self._heads(self.key_proj(hidden_states))
        value = self._heads(self.value_proj(hidden_states))
        position_key, position_query = self._positions(rel_embeddings)
        rows = distance_rows(self, count, hidden_states.device)
        scores = query @ key.transpose(-1, -2)
        scores = scores + shifted(query @ position_key[:, rows.flip(0)].transpose(-1, -2), count)
        scores = scores + shifted(key @ position_query[:, rows].transpose(-1, -2), count).transpose(-1, -2)
        scores = scores.masked_fill(attention_mask[:, :, :1] == 0, torch.finfo(scores.dtype).min)
        attended = self.dropout(scores.softmax(-1)) @ value
        return attended.transpose(1, 2).reshape(batch, count, -1), None

    def _heads(self, states: torch.Tensor) -> torch.Tensor:
        """[batch, heads, tokens, size of a head]"""
        batch, count, _ = states.shape
        return states.view(batch, count, self.num_attention_heads, -1).transpose(1, 2)

    def _positions(self, rel_embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The table of distances as keys and as scaled queries, each [heads, distances, size of a head]."""
        if self.training or torch.is_grad_enabled():
            return self._project(self.pos_dropout(rel_embeddings))
        weight = self.key_proj.weight  # when it is trained, loaded or moved anew, so are the others
        stamp = weight._version, weight.dtype, weight.device
        if self._projected is None or self._projected[0] != stamp:
            self._projected = stamp, self._project(rel_embeddings)
        return self._projected[1]

    def _project(self, rel_embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        table = rel_embeddings[: 2 * self.pos_ebd_size].unsqueeze(0)
        as_key, as_query = distance_projections(self)
        scale = math.sqrt(TERMS * self.attention_head_size)
        return self._heads(as_key(table))[0], self._heads(as_query(table))[0] / scale


def share(network: torch.nn.Module) -> bool:
    """Let DeBERTa's attentions in a network share their positions, where it has some. Whether it has."""
    found = [module for module in network.modules() if type(module) is DisentangledSelfAttention and is_known(module)]
    for module in found:
        module.__class__ = SharedPositions
    return bool(found)
