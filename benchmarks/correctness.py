"""Whether what is fast is also right: beside every speed stands how far its answers are from GLiNER's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from service.labelstudio.wordings import in_words
from service.model.model import Model
from service.model.packed.linear import PackedLinear
from service.model.packed.network import PackedNetwork
from service.model.packed.sequences import Sequences
from service.model.spans import Span

Found = set[tuple[int, int, str]]


def logits_apart(naive: Any, model: Model, texts: Sequence[str], labels: Sequence[str]) -> float:
    """The largest difference of a logit in fp32, of all spans of the texts' windows, each asked alone by GLiNER.

    As a share of the largest logit, where that is above 1: that is how far fp32 can tell.
    """
    windows = [window for text in texts for window in model.prepare(text, labels, 0.5)]
    network = PackedNetwork(model.gliner, PackedLinear, model.max_tokens)
    found = network(Sequences.of(windows, model.subtokens.closing))
    collator, worst, largest = naive.create_collator(), 0.0, 1.0
    for window, ours in zip(windows, found, strict=True):
        entry = {"tokenized_text": window.words, "ner": None}
        theirs = naive.run_batch(naive.collate_batch([entry], [list(window.group.labels)], collator)).logits[0]
        words, widths, _ = theirs.shape
        inside = torch.arange(words).unsqueeze(1) + torch.arange(widths) < words
        worst = max(worst, float((ours - theirs)[inside].abs().max()))
        largest = max(largest, float(theirs[inside].abs().max()))
    return worst / largest


def texts_alike(naive: Any, model: Model, texts: Sequence[str], labels: Sequence[str]) -> tuple[int, int]:
    """Of how many texts the entities are those of GLiNER's own loop, and of how many it cuts nothing off."""
    whole = [text for text in texts if len(model.prepare(text, labels, 0.5)) == 1]
    theirs = [{(e["start"], e["end"], e["label"]) for e in naive.predict_entities(text, labels)} for text in whole]
    alike = sum(one == other for one, other in zip(_found(model, whole, labels), theirs, strict=True))
    return alike, len(whole)


def f1(model: Model, data: Path, texts: int) -> float:
    """Micro F1 on the first texts of BC5CDR's dev part, in points of 100."""
    lines = (data / "bc5cdr" / "dev.jsonl").read_text(encoding="utf-8").splitlines()[:texts]
    entries = [json.loads(line) for line in lines]
    gold: list[Found] = [{(s["start"], s["end"], in_words(s["label"])) for s in e["spans"]} for e in entries]
    labels = sorted({label for spans in gold for _, _, label in spans})
    found = _found(model, [entry["text"] for entry in entries], labels)
    right = sum(len(some & others) for some, others in zip(found, gold, strict=True))
    return 200 * right / (sum(map(len, found)) + sum(map(len, gold)))


def _found(model: Model, texts: Sequence[str], labels: Sequence[str]) -> list[Found]:
    return [{place(span) for span in one.spans} for one in model.extract(texts, labels, 0.5)]


def place(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label
