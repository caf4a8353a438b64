"""Self-attention within each of many texts that stand one behind another, without padding.

A text's scores are computed on its own: they fit into a processor's cache, and no mask is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F

from service.gliner import make_log_bucket_position
from service.packed.linear import PackedLinear

ROWS = 64
"""Queries at once, where positions are relative: each takes part of a table that grows with their number."""


class Attention(Protocol):
    """[tokens, size] of [tokens, size]: every token attends to those of its text."""

    def __call__(self, states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor: ...


class AbsoluteAttention:
    """BERT's: positions are in the embeddings."""

    def __init__(self, layer: Any) -> None:
        self._heads = layer.num_attention_heads
        self._projections = PackedLinear.of(layer.query, layer.key, layer.value)

    def __call__(self, states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
        # [3, heads, tokens, size of a head]
        projected = self._projections(states).view(len(states), 3, self._heads, -1).permute(1, 2, 0, 3)
        found = torch.empty_like(states)
        for text in texts:
            query, key, value = projected[:, None, :, text]
            attended = F.scaled_dot_product_attention(query, key, value)
            found[text] = attended[0].transpose(0, 1).flatten(1)
        return found


class DisentangledAttention:
    """DeBERTa's (He et al., 2021, arXiv:2006.03654, equation 4): two terms of a score depend on the tokens' distance.

    The distances' projections do not depend on the text: they are made once, one row a distance, so that a text reads
    a slice of them; and [token, distance] becomes [token, token] by a view, where the original gathers by index.
    """

    def __init__(self, layer: Any, distances: torch.Tensor, longest: int) -> None:
        """`distances` is the layer's table as the encoder gives it; `longest` counts a text's tokens at most."""
        self._heads = layer.num_attention_heads
        self._scale = (3 * layer.attention_head_size) ** -0.5
        self._projections = PackedLinear.of(layer.query_proj, layer.key_proj, layer.value_proj)
        self._middle = longest - 1
        rows = distances[_rows(layer, longest)].to(layer.query_proj.weight.dtype)
        as_key, as_query = (
            (layer.key_proj, layer.query_proj) if layer.share_att_key else (layer.pos_key_proj, layer.pos_query_proj)
        )
        # [heads, size of a head, distances]; a key's distances run the other way
        self._keys = self._by_head(as_key(rows.flip(0)) * self._scale)
        self._queries = self._by_head(as_query(rows) * self._scale)

    def _by_head(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.detach().view(len(rows), self._heads, -1).permute(1, 2, 0).contiguous()

    def __call__(self, states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
        projected = self._projections(states).view(len(states), 3, self._heads, -1).permute(1, 2, 0, 3)
        found = torch.empty_like(states)
        for text in texts:
            query, key, value = projected[:, :, text]
            count = text.stop - text.start
            for start in range(0, count, ROWS):
                stop = min(start + ROWS, count)
                asked = query[:, start:stop]
                bias = self._bias(asked, key, start)
                attended = F.scaled_dot_product_attention(
                    asked[None], key[None], value[None], attn_mask=bias[None], scale=self._scale
                )
                found[text.start + start : text.start + stop] = attended[0].transpose(0, 1).flatten(1)
        return found

    def _bias(self, query: torch.Tensor, key: torch.Tensor, start: int) -> torch.Tensor:
        """What distances add to the scores [heads, queries, keys] of the queries from `start` on."""
        queries, keys = query.size(1), key.size(1)
        span = queries + keys - 1
        # Query i and key j, counted within their slices, are start + i - j apart.
        of_query = shifted(query @ self._keys[..., slice_of(self._middle - (start + queries - 1), span)], keys)
        of_key = shifted(key @ self._queries[..., slice_of(self._middle - (keys - 1 - start), span)], queries)
        return of_query + of_key.transpose(1, 2)


def slice_of(first: int, count: int) -> slice:
    return slice(first, first + count)


def shifted(scores: torch.Tensor, columns: int) -> torch.Tensor:
    """[…, n, columns] of […, n, n + columns - 1]: in row i the columns from n - 1 - i on. A view."""
    rows, width = scores.shape[-2:]
    strides = *scores.stride()[:-2], width - 1, 1
    return scores.as_strided((*scores.shape[:-1], columns), strides, scores.storage_offset() + rows - 1)


def _rows(layer: Any, longest: int) -> torch.Tensor:
    """Where a layer's table has the distances 1 - longest to longest - 1."""
    distances = torch.arange(1 - longest, longest)
    if layer.position_buckets > 0 and layer.max_relative_positions > 0:
        distances = make_log_bucket_position(distances, layer.position_buckets, layer.max_relative_positions)
    rows: torch.Tensor = (distances.long() + layer.pos_ebd_size).clamp(0, 2 * layer.pos_ebd_size - 1)
    return rows
