"""Models of common shapes. All but the starter have random weights: weights do not change the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, BertConfig, DebertaV2Config, PretrainedConfig

from service.model.gliner import GLiNER, GLiNERConfig
from service.settings import STARTER

WIDTH = 12
"""Words of the longest span: GLiNER's own default."""


def starter(folder: Path) -> Any:
    """The embedded model: two layers of MiniLM, fine-tuned."""
    return GLiNER.from_pretrained(str(STARTER), local_files_only=True, dtype="fp32").eval()


def minilm(folder: Path) -> Any:
    """all-MiniLM-L6-v2: BERT, 6 layers of 384."""
    return _uni(folder, BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536), rnn=0)


def small(folder: Path) -> Any:
    """gliner_small-v2.1: DeBERTa-v3-small, 6 layers of 768, and an LSTM."""
    return _uni(folder, deberta(hidden_size=768, num_hidden_layers=6, intermediate_size=3072), rnn=1)


def bi_encoder(folder: Path) -> Any:
    """A bi-encoder: one encoder of MiniLM's shape for texts, and another for labels."""
    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
    config = BertConfig(**sizes, num_attention_heads=12)
    return _made(folder, config, BertConfig(**sizes, num_attention_heads=12), num_rnn_layers=0)


SHAPES: dict[str, Callable[[Path], Any]] = {
    "starter": starter,
    "MiniLM": minilm,
    "gliner_small": small,
    "bi-encoder": bi_encoder,
}


def deberta(**sizes: int) -> DebertaV2Config:
    """A DeBERTa with the options of microsoft/deberta-v3-small."""
    return DebertaV2Config(
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        max_relative_positions=-1,
        position_biased_input=False,
        type_vocab_size=0,
        **sizes,
    )


def _uni(folder: Path, encoder: PretrainedConfig, rnn: int) -> Any:
    encoder.num_attention_heads = 12
    return _made(folder, encoder, None, num_rnn_layers=rnn)


def _made(folder: Path, encoder: PretrainedConfig, labels: PretrainedConfig | None, **options: Any) -> Any:
    """A GLiNER with random weights and the starter's vocabulary. The size of a vocabulary does not change the time."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    for config in (encoder, labels):
        if config is not None:
            config.vocab_size = len(tokenizer)
    folder.mkdir(parents=True, exist_ok=True)
    encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = GLiNERConfig(
        model_name=str(folder),
        labels_encoder=str(folder) if labels else None,
        hidden_size=512,
        max_width=WIDTH,
        max_types=100,
        span_mode="markerV0",
        encoder_config=encoder.to_dict(),
        labels_encoder_config=labels.to_dict() if labels else None,
        **options,
    )
    return GLiNER.from_config(config, backbone_from_pretrained=False).eval()
