"""Self-attention within each of many concatenated texts, without padding.

The scores of each text are computed separately: they fit into a CPU's cache and need no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from service.model.deberta import TERMS, distance_projections, distance_rows, shifted
from service.model.packed.linear import PackedLinear
from service.model.packed.shapes import filled_rows, rounded

ROWS = 64
"""Number of queries that are scored at once. Their scores stay in a CPU's cache, even for a long text."""


class Attention(Protocol):
    """Lets every token attend to the tokens of its text: states [tokens, size] to states [tokens, size]."""

    def __call__(self, states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor: ...


class AbsoluteAttention:
    """BERT's attention. Its positions are in the embeddings."""

    def __init__(self, layer: Any, linear: type[PackedLinear]) -> None:
        self._heads = layer.num_attention_heads
        self._scale = layer.attention_head_size**-0.5
        self._projections = linear.of(layer.query, layer.key, layer.value)

    def __call__(self, states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
        projected = by_head(self._projections(states), self._heads)
        found = unwritten(states, texts)
        for text in texts:
            query, key, value = of_text(projected, text)
            for rows in blocks(query.size(1)):
                asked = query[:, rows]
                nothing = asked.new_empty(1)
                scores = torch.baddbmm(nothing, asked, key.transpose(1, 2), beta=0, alpha=self._scale)
                attend(scores, value, found[text], rows)
        return found


class DisentangledAttention:
    """DeBERTa's (see `service.model.deberta`).

    The distances' projections are made once, one row a distance, so that a text reads a slice of them.
    """

    def __init__(self, layer: Any, linear: type[PackedLinear], distances: torch.Tensor, longest: int) -> None:
        """`distances` is the layer's table as the encoder gives it; `longest` counts a text's tokens at most."""
        self._heads = layer.num_attention_heads
        self._scale = (TERMS * layer.attention_head_size) ** -0.5
        self._projections = linear.of(layer.query_proj, layer.key_proj, layer.value_proj)
        longest = rounded(longest)
        self._middle = longest - 1
        rows = distances[distance_rows(layer, longest)]
        as_key, as_query = distance_projections(layer)
        # A query is met by keys at falling distances, a key by queries at rising ones.
        self._keys = self._table(rows.flip(0), as_key)
        self._queries = self._table(rows, as_query)

    def __call__(self, states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
        projected = by_head(self._projections(states), self._heads)
        found = unwritten(states, texts)
        for text in texts:
            query, key, value = of_text(projected, text)
            by_keys = self._by_keys(key)
            for rows in blocks(query.size(1)):
                scores = self._by_queries(query[:, rows], key, rows.start) + by_keys[:, rows]
                attend(scores, value, found[text], rows)
        return found

    def _table(self, rows: torch.Tensor, projection: nn.Linear) -> torch.Tensor:
        """Distances as a projection sees them, scaled as scores are: [heads, size of a head, distances]."""
        projected = F.linear(rows.float(), projection.weight.float(), projection.bias.float()) * self._scale
        heads = projected.detach().view(len(rows), self._heads, -1).permute(1, 2, 0)
        table: torch.Tensor = heads.to(projection.weight.dtype).contiguous()
        return table

    def _by_queries(self, query: torch.Tensor, key: torch.Tensor, start: int) -> torch.Tensor:
        """[heads, queries, keys] of the queries from `start` on: query · key, and query · distance."""
        queries, keys = query.size(1), key.size(1)
        # Query i and key j are start + i - j apart.
        first = self._middle - (start + queries - 1)
        of_distances = query @ self._keys[..., first : first + queries + keys - 1]
        scores: torch.Tensor = torch.baddbmm(shifted(of_distances, keys), query, key.transpose(1, 2), alpha=self._scale)
        return scores

    def _by_keys(self, key: torch.Tensor) -> torch.Tensor:
        """[heads, queries, keys] of a whole text: key · distance."""
        heads, count, _ = key.shape
        found = key.new_empty(heads, count, count)
        for rows in blocks(count):
            keys = rows.stop - rows.start
            # Query i and key j of these are i - (start + j) apart.
            first = self._middle - (rows.start + keys - 1)
            of_distances = key[:, rows] @ self._queries[..., first : first + keys + count - 1]
            found[..., rows] = shifted(of_distances, count).transpose(1, 2)
        return found


def unwritten(states: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
    """An uninitialized tensor for attended values, shaped like `states`.

    The rows after the texts are 0, because in int8 all rows share one range.
    """
    values = torch.empty_like(states)
    values[texts[-1].stop :] = 0
    return values


def by_head(projected: torch.Tensor, heads: int) -> torch.Tensor:
    """A view of concatenated queries, keys and values [tokens, 3 size] as [3, heads, tokens, size of a head]."""
    return projected.view(len(projected), 3, heads, -1).permute(1, 2, 0, 3)


def of_text(projected: torch.Tensor, text: slice) -> torch.Tensor:
    """One text's part of [3, heads, tokens, size of a head], with its tokens filled up to a `rounded` number."""
    return filled_rows(projected[:, :, text], rounded(text.stop - text.start)).contiguous()


def blocks(count: int) -> list[slice]:
    """`count` rows in blocks of ROWS."""
    return [slice(start, min(start + ROWS, count)) for start in range(0, count, ROWS)]


def attend(scores: torch.Tensor, value: torch.Tensor, out: torch.Tensor, rows: slice) -> None:
    """Write the values, weighted by the softmax of the scores, into `rows` of `out` [tokens, size].

    `scores` is [heads, rows, keys], `value` [heads, keys, size of a head]. Rows and keys beyond `out` are filling.
    """
    scores[..., len(out) :] = -torch.inf
    # In bf16 a softmax takes twice as long as in fp32 if the number of keys does not fill whole vectors.
    shares = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    attended = (shares @ value).transpose(0, 1)
    written = out[rows]
    written.view(len(written), *attended.shape[1:]).copy_(attended[: len(written)])
