"""The quick way from windows to spans on a processor: texts one behind another instead of padded to the longest.

What a token is computed from beside itself, its text, is short: it is attended to on its own, in the processor's
caches; all else runs over the tokens of many texts at once, with weights laid out for it beforehand. Same scores as
GLiNER's own forward. Known are span models, uni- and bi-encoders, over BERT and DeBERTa.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from service.model.gliner import BiEncoderSpanModel, IdentityContextEncoder, SpanMarkerV0, UniEncoderSpanModel
from service.model.packed import encoder
from service.model.packed.entities import entities
from service.model.packed.linear import PackedLinear
from service.model.packed.network import PackedNetwork
from service.model.packed.pooling import POOLINGS
from service.model.packed.sequences import Sequences
from service.model.rewrites.folded_scores import FOLDED
from service.model.spans import Span
from service.model.windows import Window

BATCH_TOKENS = 2048
"""Sub-tokens at once: more is no quicker (`python -m benchmarks.batches`)."""


NETWORKS = {UniEncoderSpanModel, BiEncoderSpanModel, *FOLDED.values()}
PROBE_TOLERANCE = 0.2
"""What is left out of a network moves its scores by as much as they differ among themselves; rounding by far less."""


class Packed:
    """A known model on a processor."""

    def __init__(self, gliner: Any, linear: type[PackedLinear], closing: Sequence[int], longest: int) -> None:
        """`closing` ends each text's sub-tokens; `longest` counts them at most."""
        self.network = PackedNetwork(gliner, linear, longest)
        self._closing = closing
        self.batch_tokens = BATCH_TOKENS

    def cost(self, tokens: Sequence[int]) -> int:
        """What windows of so many sub-tokens take together."""
        return sum(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window above `floor`, or above its threshold where that is lower."""
        logits = self.network(Sequences.of(windows, self._closing))
        return [
            entities(window, scores, min(floor, window.threshold))
            for window, scores in zip(windows, logits, strict=True)
        ]


def pack(gliner: Any, linear: type[PackedLinear], closing: Sequence[int], longest: int, probe: Window) -> Packed | None:
    """A model as `Packed`; None where it is not known, or does with the `probe` what GLiNER itself does not."""
    sequences = Sequences.of([probe], closing)
    if not (_is_here(gliner) and _is_known(gliner) and _reads(gliner, sequences, probe)):
        return None
    packed = Packed(gliner, linear, closing, longest)
    return packed if _agrees(gliner, packed.network(sequences)[0], probe) else None


def _is_here(gliner: Any) -> bool:
    """Whether the processor's library does what is needed, in the model's precision."""
    if gliner.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    precision = next(gliner.model.parameters()).dtype
    if precision == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return bool(precision == torch.float32)


def _is_known(gliner: Any) -> bool:
    network, config = gliner.model, gliner.config
    return (
        type(network) in NETWORKS
        and not hasattr(network, "cross_fuser")
        and isinstance(network.span_rep_layer.span_rep_layer, SpanMarkerV0)
        and type(network.span_rep_layer.context_encoder) is IdentityContextEncoder
        and getattr(config, "subtoken_pooling", "first") in POOLINGS
        and not getattr(config, "precomputed_prompts_mode", False)
        and not config.fuse_layers
        and encoder.is_known(network.token_rep_layer.bert_layer.model)
    )


def _reads(gliner: Any, sequences: Sequences, probe: Window) -> bool:
    """Whether GLiNER's own collator makes the same sub-tokens, and the same words of them."""
    inputs = _collated(gliner, probe)
    return bool(
        inputs["input_ids"][0].tolist() == sequences.ids and int(inputs["text_lengths"].item()) == len(sequences.counts)
    )


def _agrees(gliner: Any, logits: torch.Tensor, probe: Window) -> bool:
    """Whether GLiNER's own forward gives about the same logits [words, width, labels] of the probe."""
    with torch.inference_mode():
        own = gliner.run_batch(_collated(gliner, probe)).logits[0].float()
    words, widths, _ = own.shape
    inside = torch.arange(words).unsqueeze(1) + torch.arange(widths) < words
    apart = (logits - own)[inside].abs().mean()
    return bool(apart < PROBE_TOLERANCE * own[inside].std())


def _collated(gliner: Any, probe: Window) -> Any:
    examples = [{"tokenized_text": probe.words, "ner": None}]
    return gliner.collate_batch(examples, [list(probe.group.labels)], gliner.create_collator())
