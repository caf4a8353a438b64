"""What the benchmarks ask: texts, and the labels to find in them."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import AutoTokenizer

from service.settings import STARTER

NOTE = 300
"""Words of a note."""


def read(data: Path, words: str, count: int) -> list[str]:
    """So many sentences of BC5CDR, or notes of 300 words put together from them."""
    lines = (data / "bc5cdr" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    sentences = [json.loads(line)["text"] for line in lines]
    if words == "short":
        return sentences[:count]
    joined = " ".join(sentences).split()
    return [" ".join(joined[start : start + NOTE]) for start in range(0, NOTE * count, NOTE)]


def wordings(count: int) -> list[str]:
    """So many labels of one sub-token, as most are in a full vocabulary: words of the starter's, which is small.

    Sorted, since their order changes what GLiNER finds.
    """
    kinds = ["chemical", "disease", "gene", "person", "city"]
    known = AutoTokenizer.from_pretrained(STARTER).get_vocab()
    words = sorted(word for word in known if word.isalpha() and len(word) > 4 and word not in kinds)
    return sorted([*kinds, *words[:: len(words) // count]][:count])
