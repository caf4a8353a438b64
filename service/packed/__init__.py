"""The quick way from windows to spans on a processor: texts one behind another instead of padded to the longest.

What a token is computed from beside itself, its text, is short: it is attended to on its own, in the processor's
caches; all else runs over the tokens of many texts at once, with weights laid out for it beforehand. Same scores as
GLiNER's own forward. Known are span models, uni- and bi-encoders, over BERT and DeBERTa.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from service.gliner import BiEncoderSpanModel, IdentityContextEncoder, SpanMarkerV0, UniEncoderSpanModel
from service.packed import encoder
from service.packed.entities import entities
from service.packed.linear import PackedLinear
from service.packed.network import PackedNetwork
from service.packed.pooling import POOLINGS
from service.packed.sequences import Sequences
from service.spans import Span
from service.windows import Window

BATCH_TOKENS = 2048
"""Sub-tokens at once: more is no quicker (`python -m benchmarks.batches`)."""


class Packed:
    """A known model on a processor."""

    def __init__(self, gliner: Any, linear: type[PackedLinear], closing: Sequence[int], longest: int) -> None:
        """`closing` ends each text's sub-tokens; `longest` counts them at most."""
        self._network = PackedNetwork(gliner, linear, longest)
        self._closing = closing
        self.batch_tokens = BATCH_TOKENS

    def cost(self, tokens: Sequence[int]) -> int:
        """What windows of so many sub-tokens take together."""
        return sum(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window above `floor`, or above its threshold where that is lower."""
        logits = self._network(Sequences.of(windows, self._closing))
        return [
            entities(window, scores, min(floor, window.threshold))
            for window, scores in zip(windows, logits, strict=True)
        ]


def pack(gliner: Any, linear: type[PackedLinear], closing: Sequence[int], longest: int, probe: Window) -> Packed | None:
    """A model as `Packed`; None where it is not known, or reads the `probe` by other sub-tokens than it should."""
    if not (_is_here(gliner) and _is_known(gliner) and _reads(gliner, Sequences.of([probe], closing), probe)):
        return None
    return Packed(gliner, linear, closing, longest)


def _is_here(gliner: Any) -> bool:
    """Whether the processor's library does what is needed, in the model's precision."""
    if gliner.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    precision = next(gliner.model.parameters()).dtype
    return precision == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_known(gliner: Any) -> bool:
    network, config = gliner.model, gliner.config
    return (
        isinstance(network, UniEncoderSpanModel | BiEncoderSpanModel)
        and isinstance(network.span_rep_layer.span_rep_layer, SpanMarkerV0)
        and type(network.span_rep_layer.context_encoder) is IdentityContextEncoder
        and getattr(config, "subtoken_pooling", "first") in POOLINGS
        and not getattr(config, "precomputed_prompts_mode", False)
        and not config.fuse_layers
        and encoder.is_known(network.token_rep_layer.bert_layer.model)
    )


def _reads(gliner: Any, sequences: Sequences, probe: Window) -> bool:
    """Whether GLiNER's own collator makes the same sub-tokens, and the same words of them."""
    examples = [{"tokenized_text": probe.words, "ner": None}]
    inputs = gliner.collate_batch(examples, [list(probe.group.labels)], gliner.create_collator())
    return bool(
        inputs["input_ids"][0].tolist() == sequences.ids and int(inputs["text_lengths"].item()) == len(sequences.counts)
    )
