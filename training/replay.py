"""Replay against forgetting: texts that the base model itself has labelled, mixed into every batch.

Fine-tuned on a few hundred texts alone, a model loses what it knew. What it knew is therefore asked of it beforehand:
general sentences of the product's own and unannotated tasks of the projects, labelled by the base model over a broad
list of labels (self-distillation; Li and Hoiem, Learning without Forgetting, 2016).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from service.model import Model
from service.settings import ROOT
from training.dataset import Document

SENTENCES = ROOT / "starter" / "replay.jsonl"
LABELS = ROOT / "starter" / "replay_labels.txt"
MOST_LABELS = 12


def sentences(part: str, path: Path = SENTENCES) -> list[str]:
    """The product's general sentences of one part: "train" to learn with, "guard" to measure forgetting."""
    with path.open(encoding="utf-8") as lines:
        return [entry["text"] for entry in map(json.loads, lines) if entry["part"] == part]


def broad_labels(path: Path = LABELS) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def label(model: Model, texts: Sequence[str], labels: Sequence[str], threshold: float, seed: int) -> list[Document]:
    """What the model finds in texts, as documents to learn from.

    Each text is asked a few labels, drawn by the seed: about as many as a project has, so that what is replayed looks
    like what is served.
    """
    drawn = [_draw(labels, f"{seed}:{text}") for text in texts]
    documents = []
    for text, asked in zip(texts, drawn, strict=True):
        documents.append(Document(text, asked, model.extract([text], asked, threshold)[0].spans))
    return documents


def _draw(labels: Sequence[str], seed: str) -> tuple[str, ...]:
    random = Random(seed)
    return tuple(sorted(random.sample(list(labels), random.randint(2, min(MOST_LABELS, len(labels))))))
