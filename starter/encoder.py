"""Makes the starter model's encoder: some layers and word pieces of all-MiniLM-L6-v2."""

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
"""A word piece that occurs less often in the texts is not preferred to other English pieces."""
LATIN_END = 0x250
"""Pieces of one character below this code point always stay, so every Latin word can be split into known pieces."""


def prune(source: Path, target: Path, *, layers: Sequence[int], vocabulary: int, texts: Iterable[str]) -> None:
    """Write the encoder in `source` to `target` with only these layers, in this order, and a smaller vocabulary.

    `vocabulary` is the number of word pieces that stay: those that occur most often in `texts`, then the most frequent
    pieces of English (BERT's vocabulary is sorted by frequency). Raises OSError if `source` is not readable.
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
    encoder: Any = AutoModel.from_pretrained(source, use_safetensors=True)
    words = encoder.embeddings.word_embeddings.weight[kept].detach().clone()
    encoder.embeddings.word_embeddings = torch.nn.Embedding(len(kept), words.shape[1], padding_idx=0, _weight=words)
    encoder.encoder.layer = torch.nn.ModuleList([encoder.encoder.layer[index] for index in layers])
    encoder.config.num_hidden_layers = len(layers)
    encoder.config.vocab_size = len(kept)
    encoder.save_pretrained(target)


def _kept(tokenizer: Tokenizer, vocabulary: int, texts: Iterable[str]) -> list[int]:
    """The ids of the pieces that stay, sorted, so that [PAD] keeps id 0."""
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
    """The tokenizer's description in JSON with only the kept pieces, numbered from 0."""
    description: dict[str, Any] = json.loads(tokenizer.to_str())
    names = {index: piece for piece, index in description["model"]["vocab"].items()}
    pieces = {names[old]: new for new, old in enumerate(kept)}
    description["model"]["vocab"] = pieces
    for token in description["added_tokens"]:
        token["id"] = pieces[token["content"]]
    for token in description["post_processor"]["special_tokens"].values():
        token["ids"] = [pieces[name] for name in token["tokens"]]
    return description
