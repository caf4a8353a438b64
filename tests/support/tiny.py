"""Trains a tiny GLiNER that knows a few dozen names: real code, real weights, no download.

Its position embeddings are zero, so its spans depend on words and their neighbours, not on where they are in a text.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from gliner import GLiNER, GLiNERConfig
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

PEOPLE = ["Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy"]
COMPANIES = ["Acme", "Globex", "Initech", "Umbrella", "Hooli", "Cyberdyne", "Tyrell Corp", "Wayne Corp"]
CITIES = ["Paris", "Rome", "Berlin", "Tokyo", "Oslo", "New York", "Lima", "Cairo"]
KINDS = {"person": PEOPLE, "company": COMPANIES, "city": CITIES}
RATE = 3e-3
# fmt: off
FILLER = [
    "works", "at", "in", "lives", "near", "the", "and", "met", "with", "a",
    "of", "to", "for", "today", "then", "quietly", "again", "after", "before", "report",
    "says", "that", "old", "new", "meeting", "team", "house", "train", "river", "market",
    "morning", "number", "was", "is", "has", "been", "seen", "by", "from", "over",
    "under", "zoo",
]
# fmt: on


def build(folder: Path, steps: int = 320) -> Path:
    """Make the model in `folder` and return its directory. The weights are the same every time."""
    state = torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    encoder = folder / "encoder"
    encoder.mkdir(parents=True)
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(encoder)
    sizes: dict[str, Any] = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = BertConfig(
        vocab_size=len(tokenizer), intermediate_size=96, max_position_embeddings=512, initializer_range=0.15, **sizes
    )
    bert = BertModel(config)
    with torch.no_grad():  # a name's embedding starts close to its kind's, so there is less to learn
        rows = bert.embeddings.word_embeddings.weight
        for kind, names in KINDS.items():
            for word in {word.lower() for name in names for word in name.split()}:
                rows[tokenizer.convert_tokens_to_ids(word)] *= 0.3
                rows[tokenizer.convert_tokens_to_ids(word)] += rows[tokenizer.convert_tokens_to_ids(kind)]
    bert.save_pretrained(encoder)
    gliner = GLiNER.from_config(
        GLiNERConfig(
            model_name=str(encoder),
            hidden_size=48,
            max_width=12,
            max_len=384,
            max_types=25,
            dropout=0.1,
            span_mode="markerV0",
            ent_token="<<ENT>>",
            sep_token="<<SEP>>",
            subtoken_pooling="first",
            embed_ent_token=False,
        )
    )
    _train(gliner, steps)
    made = folder / "tiny"
    gliner.save_pretrained(str(made), safe_serialization=True)
    torch.set_rng_state(state)
    return made


def sentence(rng: random.Random) -> tuple[list[str], list[tuple[int, int, str]]]:
    """A random sentence: its words, and its spans as (first word, last word inclusive, kind)."""
    words: list[str] = []
    spans: list[tuple[int, int, str]] = []
    for _ in range(rng.randint(1, 4)):
        words += rng.choices(FILLER, k=rng.randint(0, 4))
        kind = rng.choice([*KINDS])
        name = rng.choice(KINDS[kind]).split()
        spans.append((len(words), len(words) + len(name) - 1, kind))
        words += name
        words += rng.choices([".", ",", "-", "the"], k=rng.randint(0, 1))
    return words, spans


def _train(gliner: Any, steps: int) -> None:
    rng = random.Random(7)
    with torch.no_grad():
        positions = next(p for n, p in gliner.model.named_parameters() if "position_embeddings" in n)
        positions.zero_()
        positions.requires_grad_(False)
    collator = gliner.data_collator_class(gliner.config, data_processor=gliner.data_processor, prepare_labels=True)
    optimizer = torch.optim.AdamW([p for p in gliner.model.parameters() if p.requires_grad], lr=RATE)
    gliner.model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 2 * (1 - step / steps))
        batch = []
        for _ in range(16):
            words, spans = sentence(rng)
            asked = {*KINDS, *rng.sample(FILLER, rng.randint(0, 6))}
            if rng.random() < 0.3:
                asked -= {rng.choice([*KINDS])}
            kept = [span for span in spans if span[2] in asked]
            batch.append({"tokenized_text": words, "ner": kept, "ner_labels": sorted(asked)})
        inputs = collator(batch)
        loss = gliner.model(**inputs, alpha=-1.0, gamma=0.0, reduction="sum").loss / len(batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(gliner.model.parameters(), 1.0)
        optimizer.step()
    gliner.eval()


def _tokenizer() -> PreTrainedTokenizerFast:
    """WordPiece over the words above and single characters. BERT's normalizer drops joiners and marks."""
    names = [word.lower() for kind in KINDS.values() for name in kind for word in name.split()]
    characters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]
    pieces += [word for word in dict.fromkeys([*names, *FILLER, *KINDS]) if word not in pieces]
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
        model_max_length=512,
    )
