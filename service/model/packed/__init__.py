"""Runs windows on a CPU as a packed sequence: texts are concatenated instead of padded to the longest.

Attention runs on one text at a time, whose scores fit into the CPU's caches. All other layers run on the tokens of many
texts at once, with weights that are reordered beforehand. The scores are those of GLiNER's own forward. Supported are
span models, uni- and bi-encoders, over BERT and DeBERTa.
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
"""Sub-tokens in a batch. Larger batches are no faster (`python -m benchmarks.batches`)."""


NETWORKS = {UniEncoderSpanModel, BiEncoderSpanModel, *FOLDED.values()}
PROBE_TOLERANCE = 0.2
"""Largest mean difference from GLiNER's own logits, as a share of their standard deviation.

A missing layer changes the logits by about one standard deviation. Rounding changes them by far less."""


class Packed:
    """Runs a supported model on a CPU."""

    def __init__(self, gliner: Any, linear: type[PackedLinear], closing: Sequence[int], longest: int) -> None:
        """`closing` are the special tokens that end each text; `longest` is the most sub-tokens of a window."""
        self.network = PackedNetwork(gliner, linear, longest)
        self._closing = closing
        self.batch_tokens = BATCH_TOKENS

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens of a batch of windows with these numbers of sub-tokens: their sum, without padding."""
        return sum(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window whose score is above `floor` or the window's threshold, the lower one."""
        logits = self.network(Sequences.of(windows, self._closing))
        return [
            entities(window, scores, min(floor, window.threshold))
            for window, scores in zip(windows, logits, strict=True)
        ]


def pack(gliner: Any, linear: type[PackedLinear], closing: Sequence[int], longest: int, probe: Window) -> Packed | None:
    """A model as `Packed`; None if it is not supported or if its result for `probe` differs from GLiNER's own."""
    sequences = Sequences.of([probe], closing)
    if not (_has_kernels(gliner) and _is_known(gliner) and _reads(gliner, sequences, probe)):
        return None
    packed = Packed(gliner, linear, closing, longest)
    return packed if _agrees(gliner, packed.network(sequences)[0], probe) else None


def _has_kernels(gliner: Any) -> bool:
    """Whether the model is on a CPU whose oneDNN has kernels for the model's precision."""
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
    """Whether GLiNER's own collator makes the same sub-tokens and the same number of words."""
    inputs = _collated(gliner, probe)
    return bool(
        inputs["input_ids"][0].tolist() == sequences.ids and int(inputs["text_lengths"].item()) == len(sequences.counts)
    )


def _agrees(gliner: Any, logits: torch.Tensor, probe: Window) -> bool:
    """Whether GLiNER's own forward gives about the same logits [words, width, labels] for the probe."""
    with torch.inference_mode():
        expected = gliner.run_batch(_collated(gliner, probe)).logits[0].float()
    words, widths, _ = expected.shape
    inside = torch.arange(words).unsqueeze(1) + torch.arange(widths) < words
    difference = (logits - expected)[inside].abs().mean()
    return bool(difference < PROBE_TOLERANCE * expected[inside].std())


def _collated(gliner: Any, probe: Window) -> Any:
    examples = [{"tokenized_text": probe.words, "ner": None}]
    return gliner.collate_batch(examples, [list(probe.group.labels)], gliner.create_collator())
