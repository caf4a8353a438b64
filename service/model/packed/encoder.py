"""BERT's and DeBERTa's encoders over many concatenated texts, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from service.model import deberta
from service.model.gliner import BertModel, DebertaV2Model
from service.model.packed.attention import AbsoluteAttention, Attention, DisentangledAttention
from service.model.packed.linear import ACTIVATIONS, PackedLinear


class Encoder:
    """The weights of a supported encoder, laid out for inference on a CPU."""

    def __init__(self, model: Any, linear: type[PackedLinear], longest: int) -> None:
        """`model` is a transformer for which `is_known` is true. `longest` is the most tokens of a text."""
        self._embeddings = model.embeddings
        self._has_positions = getattr(model.embeddings, "position_embeddings", None) is not None
        activation = model.config.hidden_act
        self._layers = [
            Layer(layer, linear, attention, activation)
            for layer, attention in zip(model.encoder.layer, _attentions(model, linear, longest), strict=True)
        ]

    def __call__(self, ids: torch.Tensor, texts: Sequence[slice], wanted: torch.Tensor) -> torch.Tensor:
        """The last layer's states [wanted, size] of the tokens at the indices `wanted`.

        `ids` are the tokens of all `texts`, which are slices of it. Filling may follow the last text.
        """
        states = self._embed(ids, texts)
        everything: slice | torch.Tensor = slice(None)
        for layer in self._layers[:-1]:
            states = layer(states, texts, everything)
        return self._layers[-1](states, texts, wanted)

    def _embed(self, ids: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
        places = self._places(len(ids), texts) if self._has_positions else None
        embedded: torch.Tensor = self._embeddings(
            input_ids=ids[None], position_ids=None if places is None else places[None]
        )
        return embedded[0]

    def _places(self, count: int, texts: Sequence[slice]) -> torch.Tensor:
        """The position of each token in its text."""
        places = torch.zeros(count, dtype=torch.long)
        for text in texts:
            torch.arange(text.stop - text.start, out=places[text])
        return places


class Layer:
    """One layer: attention and a feed-forward block, each followed by a residual addition and a LayerNorm."""

    def __init__(self, layer: Any, linear: type[PackedLinear], attention: Attention, activation: str) -> None:
        self._attention = attention
        self._attended = linear.of(layer.attention.output.dense)
        self._attended_norm = layer.attention.output.LayerNorm
        self._wide = linear.of(layer.intermediate.dense, activation=activation)
        self._narrow = linear.of(layer.output.dense)
        self._norm = layer.output.LayerNorm

    def __call__(self, states: torch.Tensor, texts: Sequence[slice], wanted: slice | torch.Tensor) -> torch.Tensor:
        """The layer's states [wanted, size]. After the attention no token depends on another: the rest is skipped."""
        attended = self._attention(states, texts)[wanted]
        attended = normalized(self._attended.plus(attended, states[wanted]), self._attended_norm)
        return normalized(self._narrow.plus(self._wide(attended), attended), self._norm)


def normalized(states: torch.Tensor, norm: Any) -> torch.Tensor:
    return F.layer_norm(states, states.shape[-1:], norm.weight, norm.bias, norm.eps)


def is_known(model: Any) -> bool:
    """Whether `Encoder` can replace a transformer."""
    if type(model) not in (BertModel, DebertaV2Model) or model.config.hidden_act not in ACTIVATIONS:
        return False
    if type(model) is BertModel:
        return not model.config.is_decoder
    return model.encoder.conv is None and deberta.is_known(model.encoder.layer[0].attention.self)


def _attentions(model: Any, linear: type[PackedLinear], longest: int) -> list[Attention]:
    layers = [layer.attention.self for layer in model.encoder.layer]
    if type(model) is BertModel:
        return [AbsoluteAttention(layer, linear) for layer in layers]
    distances = model.encoder.get_rel_embedding()
    return [DisentangledAttention(layer, linear, distances, longest) for layer in layers]
