"""A span's scores without its representation: a few columns, one a label, instead of one for each of its features.

GLiNER scores a span x = W h + b against a label y as x · y. That is h · (Wᵀ y) + b · y: what the head's last layer
does to each of very many spans can be done to the few labels instead.
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
"""What a caller may say of the loss."""


def scores(head: WordwiseSpanHead, words: torch.Tensor, labels: torch.Tensor, starts: int) -> torch.Tensor:
    """Logits [batch, starts, max_width, labels] of words [batch, words, size] and labels [batch, labels, size]."""
    last = head.out_project[-1]
    spans = head.wide(words, starts)
    folded = (labels @ last.weight).transpose(1, 2)
    logits = spans.flatten(1, 2) @ folded + (labels @ last.bias).unsqueeze(1)
    scored: torch.Tensor = logits.view(*spans.shape[:3], -1)
    return scored


def _forward(model: Any, inputs: dict[str, Any], known: tuple[str, ...]) -> GLiNERBaseOutput:
    """What a span model's forward returns, its span embeddings excepted."""
    found = model.get_representations(**{name: inputs[name] for name in known if name in inputs})
    span_mask, labels = inputs["span_mask"], inputs.get("labels")
    starts = inputs["span_idx"].size(1) // model.config.max_width
    words, mask = model._fit_length(found.words_embedding, found.mask, starts)
    prompts, prompts_mask = found.prompts_embedding, found.prompts_embedding_mask
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
    """A UniEncoderSpanModel with the same parameters that folds its head's last layer into the labels."""

    def forward(self, **inputs: Any) -> GLiNERBaseOutput:
        return _forward(self, inputs, TEXT)


class FoldedBiEncoder(BiEncoderSpanModel):  # type: ignore[misc]
    """A BiEncoderSpanModel likewise."""

    def forward(self, **inputs: Any) -> GLiNERBaseOutput:
        return _forward(self, inputs, TEXT + LABELS)


FOLDED: dict[type, type[Any]] = {UniEncoderSpanModel: FoldedUniEncoder, BiEncoderSpanModel: FoldedBiEncoder}


def fold(network: torch.nn.Module) -> bool:
    """Let a span model whose head works word by word fold its scores; another is left as it is. Whether it does."""
    folded = FOLDED.get(type(network))
    if folded is None or not _is_known(network.span_rep_layer):
        return False
    network.__class__ = folded
    return True


def _is_known(layer: Any) -> bool:
    """Whether a layer represents spans by the head alone."""
    return type(layer.span_rep_layer) is WordwiseSpanHead and type(layer.context_encoder) is IdentityContextEncoder
