"""Span scores without the spans' final representations: the head's last layer is applied to the labels instead.

GLiNER scores a span x = W h + b against a label y as x · y. This equals h · (Wᵀ y) + b · y. There are far fewer labels
than spans, so the product with W is cheaper on the side of the labels.
"""

from __future__ import annotations

from typing import Any

import torch

from service.model.gliner import BiEncoderSpanModel, GLiNERBaseOutput, IdentityContextEncoder, UniEncoderSpanModel
from service.model.rewrites.span_head import WordwiseSpanHead

TEXT = ("input_ids", "attention_mask", "text_lengths", "words_mask", "word_lengths", "token_lengths")
LABELS = (
    *("labels_embeds", "labels_input_ids", "labels_attention_mask", "labels_gather_indices"),
    "prompts_embedding_mask",
)
LOSS = (
    *("alpha", "gamma", "prob_margin", "label_smoothing", "reduction", "negatives", "masking", "loss_type"),
    *("use_span_width_weight", "dice_gamma"),
)
"""Options of the loss that a caller may pass."""


def scores(head: WordwiseSpanHead, words: torch.Tensor, labels: torch.Tensor, starts: int) -> torch.Tensor:
    """Logits [batch, starts, max_width, labels] of words [batch, words, size] and labels [batch, labels, size]."""
    last = head.out_project[-1]
    spans = head.wide(words, starts)
    folded = (labels @ last.weight).transpose(1, 2)
    logits = spans.flatten(1, 2) @ folded + (labels @ last.bias).unsqueeze(1)
    scored: torch.Tensor = logits.view(*spans.shape[:3], -1)
    return scored


def _forward(model: Any, inputs: dict[str, Any], known: tuple[str, ...]) -> GLiNERBaseOutput:
    """What GLiNER's own forward of a span model returns, but without span embeddings."""
    encoded = model.get_representations(**{name: inputs[name] for name in known if name in inputs})
    span_mask, labels = inputs["span_mask"], inputs.get("labels")
    starts = inputs["span_idx"].size(1) // model.config.max_width
    words, mask = model._fit_length(encoded.words_embedding, encoded.mask, starts)
    prompts, prompts_mask = encoded.prompts_embedding, encoded.prompts_embedding_mask
    if labels is not None:
        count = max(prompts.size(1), labels.size(-1))
        prompts, prompts_mask = model._fit_length(prompts, prompts_mask, count)
    prompts = model.prompt_rep_layer(prompts)
    logits = scores(model.span_rep_layer.span_rep_layer, words, prompts, starts)
    options = {name: value for name, value in inputs.items() if name in LOSS}
    loss = None if labels is None else model.loss(logits, labels, prompts_mask, span_mask, **options)
    return GLiNERBaseOutput(
        logits=logits,
        loss=loss,
        prompts_embedding=prompts,
        prompts_embedding_mask=prompts_mask,
        words_embedding=words,
        mask=mask,
    )


class FoldedUniEncoder(UniEncoderSpanModel):  # type: ignore[misc]
    """A UniEncoderSpanModel with the same parameters that applies its head's last layer to the labels."""

    def forward(self, **inputs: Any) -> GLiNERBaseOutput:
        return _forward(self, inputs, TEXT)


class FoldedBiEncoder(BiEncoderSpanModel):  # type: ignore[misc]
    """A BiEncoderSpanModel with the same parameters that applies its head's last layer to the labels."""

    def forward(self, **inputs: Any) -> GLiNERBaseOutput:
        return _forward(self, inputs, TEXT + LABELS)


FOLDED: dict[type, type[Any]] = {UniEncoderSpanModel: FoldedUniEncoder, BiEncoderSpanModel: FoldedBiEncoder}


def fold(network: torch.nn.Module) -> bool:
    """Let a span model with a WordwiseSpanHead fold its scores, and return whether the network is such a model."""
    folded = FOLDED.get(type(network))
    if folded is None or not _is_known(network.span_rep_layer):
        return False
    network.__class__ = folded
    return True


def _is_known(layer: Any) -> bool:
    """Whether a layer makes a span's representation with a WordwiseSpanHead and nothing else."""
    return type(layer.span_rep_layer) is WordwiseSpanHead and type(layer.context_encoder) is IdentityContextEncoder
