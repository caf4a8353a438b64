"""How far Spanloop's answers are from GLiNER's own. The benchmarks state this beside every speed."""

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

Places = set[tuple[int, int, str]]
"""Start, end and label of the spans of one text."""


def logits_apart(naive: Any, model: Model, texts: Sequence[str], labels: Sequence[str]) -> float:
    """The largest difference in fp32 between a logit of the packed network and GLiNER's, which runs each window alone.

    It is a share of the largest logit if that is above 1, because the precision of fp32 is relative.
    """
    windows = [window for text in texts for window in model.prepare(text, labels, 0.5)]
    network = PackedNetwork(model.gliner, PackedLinear, model.max_tokens)
    logits = network(Sequences.of(windows, model.subtokens.closing))
    collator, worst, largest = naive.create_collator(), 0.0, 1.0
    for window, ours in zip(windows, logits, strict=True):
        entry = {"tokenized_text": window.words, "ner": None}
        theirs = naive.run_batch(naive.collate_batch([entry], [list(window.group.labels)], collator)).logits[0]
        words, widths, _ = theirs.shape
        inside = torch.arange(words).unsqueeze(1) + torch.arange(widths) < words
        worst = max(worst, float((ours - theirs)[inside].abs().max()))
        largest = max(largest, float(theirs[inside].abs().max()))
    return worst / largest


def texts_alike(naive: Any, model: Model, texts: Sequence[str], labels: Sequence[str]) -> tuple[int, int]:
    """The number of texts with the same entities as in GLiNER's own loop, and of texts that GLiNER does not cut."""
    whole = [text for text in texts if len(model.prepare(text, labels, 0.5)) == 1]
    theirs = [{(e["start"], e["end"], e["label"]) for e in naive.predict_entities(text, labels)} for text in whole]
    alike = sum(ours == others for ours, others in zip(_places(model, whole, labels), theirs, strict=True))
    return alike, len(whole)


def f1(model: Model, data: Path, texts: int) -> float:
    """Micro F1, from 0 to 100, on the first `texts` texts of BC5CDR's dev part."""
    lines = (data / "bc5cdr" / "dev.jsonl").read_text(encoding="utf-8").splitlines()[:texts]
    entries = [json.loads(line) for line in lines]
    gold: list[Places] = [{(s["start"], s["end"], in_words(s["label"])) for s in e["spans"]} for e in entries]
    labels = sorted({label for spans in gold for _, _, label in spans})
    predicted = _places(model, [entry["text"] for entry in entries], labels)
    right = sum(len(spans & expected) for spans, expected in zip(predicted, gold, strict=True))
    return 200 * right / (sum(map(len, predicted)) + sum(map(len, gold)))


def _places(model: Model, texts: Sequence[str], labels: Sequence[str]) -> list[Places]:
    return [{place(span) for span in extraction.spans} for extraction in model.extract(texts, labels, 0.5)]


def place(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label
