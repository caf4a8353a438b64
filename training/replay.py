"""Replay against forgetting: every batch also holds texts that the base model has labelled.

A model that is fine-tuned on a few hundred texts alone forgets what it knew. So before tuning the base model labels
Spanloop's general sentences and the projects' unannotated tasks with a broad list of labels, and these texts are
trained on as well (self-distillation; Li and Hoiem, Learning without Forgetting, 2016).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from service.model.model import Model
from service.model.told import Told, part_of, untold
from training.dataset import Document

SENTENCES = Path(__file__).parent / "replay.jsonl"
LABELS = Path(__file__).parent / "replay_labels.txt"
LABELS_MAX = 12
FIRST_SHARE = 0.8
"""Of the time, what it takes to ask each text for all labels; then it is asked for a few."""
KNOWN_TEXTS_MIN = 3
"""The base model knows a label if it finds the label in at least this many texts."""


def sentences(part: str, path: Path = SENTENCES) -> list[str]:
    """Spanloop's general sentences of one part: "train" to train on, "guard" to measure what a version
    forgets, and for canaries."""
    with path.open(encoding="utf-8") as lines:
        return [entry["text"] for entry in map(json.loads, lines) if entry["part"] == part]


def broad_labels(path: Path = LABELS) -> list[str]:
    """The labels that the base model labels the replayed texts with, in the file's order."""
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def label(
    model: Model, texts: Sequence[str], labels: Sequence[str], threshold: float | None, seed: int, told: Told = untold
) -> list[Document]:
    """Documents whose spans are those that the model finds in `texts`. Texts without a label to ask are left out.

    The model is asked only for labels that it knows. It cannot forget other labels, and a document that says "no
    symptom here" would contradict an annotator who marks symptoms. Each text is asked for the labels found in it and
    for some others, drawn with the seed. They are about as many as a project has, so replayed texts look like served
    ones.
    """
    found = found_labels(model, texts, labels, threshold, part_of(told, 0, FIRST_SHARE))
    known = known_labels(found)
    drawn = [
        (text, _draw(sorted(here.intersection(known)), known, f"{seed}:{text}"))
        for text, here in zip(texts, found, strict=True)
    ]
    questions = [(text, asked) for text, asked in drawn if asked]
    extractions = model.extract_each(questions, threshold, part_of(told, FIRST_SHARE, 1))
    return [
        Document(text, asked, extraction.spans)
        for (text, asked), extraction in zip(questions, extractions, strict=True)
    ]


def found_labels(
    model: Model, texts: Sequence[str], labels: Sequence[str], threshold: float | None, told: Told = untold
) -> list[set[str]]:
    """The labels that the model finds in each text."""
    return [{span.label for span in extraction.spans} for extraction in model.extract(texts, labels, threshold, told)]


def known_labels(found: Iterable[set[str]]) -> list[str]:
    """The labels that are found in at least KNOWN_TEXTS_MIN texts, sorted."""
    count = Counter(label for here in found for label in here)
    return sorted(label for label, times in count.items() if times >= KNOWN_TEXTS_MIN)


def _draw(present: Sequence[str], known: Sequence[str], seed: str) -> tuple[str, ...]:
    """The labels present in a text and at least one known label that is absent, sorted.

    They are 2 to LABELS_MAX in all, or one more than are present if those are LABELS_MAX or more.
    """
    random = Random(seed)
    absent = [label for label in known if label not in present]
    wanted = max(random.randint(2, LABELS_MAX) - len(present), 1)
    return tuple(sorted([*present, *random.sample(absent, min(wanted, len(absent)))]))
