"""The texts of the benchmarks, and the labels to find in them."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import AutoTokenizer

from service.settings import STARTER

NOTE_WORDS = 300


def read(data: Path, words: str, count: int) -> list[str]:
    """The first `count` sentences of BC5CDR if `words` is "short", else `count` notes of 300 words made of them."""
    lines = (data / "bc5cdr" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    sentences = [json.loads(line)["text"] for line in lines]
    if words == "short":
        return sentences[:count]
    joined = " ".join(sentences).split()
    return [" ".join(joined[start : start + NOTE_WORDS]) for start in range(0, NOTE_WORDS * count, NOTE_WORDS)]


def wordings(count: int) -> list[str]:
    """`count` labels of one sub-token each, sorted, because their order changes what GLiNER finds.

    They are words of the starter's small vocabulary. In a full vocabulary most words have one sub-token.
    """
    kinds = ["chemical", "disease", "gene", "person", "city"]
    known = AutoTokenizer.from_pretrained(STARTER).get_vocab()
    words = sorted(word for word in known if word.isalpha() and len(word) > 4 and word not in kinds)
    return sorted([*kinds, *words[:: len(words) // count]][:count])
