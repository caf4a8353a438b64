"""Replay against forgetting: texts that the base model itself has labelled, mixed into every batch.

Fine-tuned on a few hundred texts alone, a model loses what it knew. What it knew is therefore asked of it beforehand:
general sentences of the product's own and unannotated tasks of the projects, labelled by the base model over a broad
list of labels (self-distillation; Li and Hoiem, Learning without Forgetting, 2016).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from service.model.model import Model
from training.dataset import Document

SENTENCES = Path(__file__).parent / "replay.jsonl"
LABELS = Path(__file__).parent / "replay_labels.txt"
LABELS_MAX = 12
KNOWN_FROM = 3
"""A label that the base model finds so many times in all texts is one that it knows."""


def sentences(part: str, path: Path = SENTENCES) -> list[str]:
    """The product's general sentences of one part: "train" to learn with, "guard" to measure forgetting."""
    with path.open(encoding="utf-8") as lines:
        return [entry["text"] for entry in map(json.loads, lines) if entry["part"] == part]


def broad_labels(path: Path = LABELS) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def label(model: Model, texts: Sequence[str], labels: Sequence[str], threshold: float, seed: int) -> list[Document]:
    """What the model finds in texts, as documents to learn from.

    Only labels that it knows are asked, those that it finds somewhere: where it finds nothing there is nothing to
    forget, and "no symptom anywhere" would contradict an annotator who marks symptoms. Each text is asked the labels
    found in it and some others, drawn by the seed; about as many as a project has, so that what is replayed looks like
    what is served.
    """
    found = [{span.label for span in extraction.spans} for extraction in model.extract(texts, labels, threshold)]
    count = Counter(label for here in found for label in here)
    known = sorted(label for label, times in count.items() if times >= KNOWN_FROM)
    drawn = [
        (text, _draw(sorted(here.intersection(known)), known, f"{seed}:{text}"))
        for text, here in zip(texts, found, strict=True)
    ]
    questions = [(text, asked) for text, asked in drawn if asked]
    extractions = model.extract_each(questions, threshold)
    return [
        Document(text, asked, extraction.spans)
        for (text, asked), extraction in zip(questions, extractions, strict=True)
    ]


def _draw(present: Sequence[str], known: Sequence[str], seed: str) -> tuple[str, ...]:
    """The labels present in a text, and others that it is known not to have, 2 to 12 in all."""
    random = Random(seed)
    absent = [label for label in known if label not in present]
    wanted = max(random.randint(2, LABELS_MAX) - len(present), 1)
    return tuple(sorted([*present, *random.sample(absent, min(wanted, len(absent)))]))
