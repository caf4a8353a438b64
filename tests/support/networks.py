"""GLiNER models with random weights over small encoders of several kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, BertConfig, DebertaV2Config

from service.model.gliner import GLiNER, GLiNERConfig
from service.settings import STARTER

SIZES: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
DEBERTA: dict[str, Any] = {
    "relative_attention": True,
    "position_buckets": 32,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "max_relative_positions": -1,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
ENCODERS = {
    "bert": lambda: BertConfig(**SIZES),
    "deberta": lambda: DebertaV2Config(**SIZES, **DEBERTA),
    "deberta, positions of their own": lambda: DebertaV2Config(**SIZES, **{**DEBERTA, "share_att_key": False}),
    "deberta, all distances": lambda: DebertaV2Config(**SIZES, **{**DEBERTA, "position_buckets": -1}),
    "deberta, with a convolution": lambda: DebertaV2Config(**SIZES, **DEBERTA, conv_kernel_size=3),
    "deberta, one term": lambda: DebertaV2Config(**SIZES, **{**DEBERTA, "pos_att_type": ["c2p"]}),
}


def random_gliner(folder: Path, encoder: str, bi: bool = False, **options: Any) -> Any:
    """A GLiNER over an encoder of ENCODERS; with `bi` a second such encoder reads the labels.

    `options` go to GLiNERConfig. The encoder's files are written into `folder`.
    """
    torch.manual_seed(3)
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    config = ENCODERS[encoder]()
    config.vocab_size = len(tokenizer)
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    gliner = GLiNER.from_config(
        GLiNERConfig(
            model_name=str(folder),
            labels_encoder=str(folder) if bi else None,
            encoder_config=config.to_dict(),
            labels_encoder_config=config.to_dict() if bi else None,
            hidden_size=32,
            max_width=5,
            **{"span_mode": "markerV0", **options},
        ),
        backbone_from_pretrained=False,
    )
    with torch.no_grad():  # larger weights give scores that differ, like those of a trained model
        for name, parameter in gliner.model.named_parameters():
            if parameter.dim() > 1 and "rep_layer.model" not in name and "bert_layer" not in name:
                parameter.mul_(1.4)
    return gliner.eval()
