"""A whole span model over many concatenated windows, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from service.model.packed.encoder import Encoder
from service.model.packed.head import SpanHead
from service.model.packed.labels import EncodedLabels, Labels, ReadLabels
from service.model.packed.linear import PackedLinear
from service.model.packed.pooling import POOLINGS
from service.model.packed.sequences import Sequences
from service.model.packed.shapes import filled


class PackedNetwork:
    """The weights of a supported network, laid out for inference on a CPU."""

    def __init__(self, gliner: Any, linear: type[PackedLinear], longest: int) -> None:
        """`longest` is the most sub-tokens of a window."""
        network = gliner.model
        layer = network.token_rep_layer
        bi_encoder = hasattr(layer, "labels_encoder")
        self._encoder = Encoder(layer.bert_layer.model, linear, longest)
        self._pooling = POOLINGS[getattr(gliner.config, "subtoken_pooling", "first")]()
        self._projection = linear.of(layer.projection) if hasattr(layer, "projection") else None
        # A bi-encoder may have an LSTM, but GLiNER's forward does not use it.
        self._rnn = None if bi_encoder else getattr(network, "rnn", None)
        self._head = SpanHead(network.span_rep_layer.span_rep_layer, linear)
        self._labels: Labels = EncodedLabels(gliner) if bi_encoder else ReadLabels(gliner, linear)

    @torch.inference_mode()
    def __call__(self, sequences: Sequences) -> list[torch.Tensor]:
        """Logits [words, width, labels] of each window, in fp32. Spans that end after their window are meaningless."""
        pieces = self._pooling.places(sequences)
        states = self._encoder(filled(sequences.ids), sequences.texts, filled(pieces + sequences.labels))
        if self._projection:
            states = self._projection(states)
        words, labels = torch.split(states[: len(pieces) + len(sequences.labels)], [len(pieces), len(sequences.labels)])
        words = self._read(self._pooling(words, sequences), sequences.of_words)
        embeddings = self._labels(labels, sequences.groups)
        return [logits.float() for logits in self._head(words, sequences.of_words, embeddings)]

    def _read(self, words: torch.Tensor, texts: Sequence[slice]) -> torch.Tensor:
        """The words as the head reads them: passed through the LSTM if there is one."""
        if self._rnn is None:
            return words
        packed, _ = self._rnn.lstm(pack_sequence([words[text] for text in texts], enforce_sorted=False))
        return torch.cat(unpack_sequence(packed))
