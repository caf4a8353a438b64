"""Replay against forgetting: every batch also holds texts for which the base model's own probabilities are learnt.

A model that is fine-tuned on a few hundred texts alone forgets what it knew. So in each batch there are also Spanloop's
general sentences, the projects' unannotated tasks and the annotated texts, each asked for labels of a broad list. What
is learnt of them are the probabilities that the base model gives all candidates (Hinton, Vinyals and Dean, Distilling
the Knowledge in a Neural Network, 2015; Li and Hoiem, Learning without Forgetting, 2016). A probability says more than
a span: also what the base model nearly finds, or does not know at all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from service.model.model import Model
from service.model.told import Told, untold
from training.dataset import Document

SENTENCES = Path(__file__).parent / "replay.jsonl"
LABELS = Path(__file__).parent / "replay_labels.txt"
OWN_LABELS = "labels.txt"
"""The file of a base model's directory that says which labels it was trained with, one a line."""
DRAWS = 3
"""How often a text is replayed with labels of its own, before it comes again with the same."""
LABELS_MAX = 16
LABELS_MANY = 28
MANY_SHARE = 0.15
"""This share of the replayed texts is asked for LABELS_MANY labels instead of at most LABELS_MAX."""
KNOWN_TEXTS_MIN = 3
"""The base model knows a label if it finds the label in at least this many texts."""


def sentences(part: str, path: Path = SENTENCES) -> list[str]:
    """Spanloop's general sentences of one part: "train" to replay, "guard" to measure what a version
    forgets and for canaries."""
    with path.open(encoding="utf-8") as lines:
        return [entry["text"] for entry in map(json.loads, lines) if entry["part"] == part]


def broad_labels(path: Path = LABELS) -> list[str]:
    """The labels in a file, one a line, in its order; by default a broad list of Spanloop's."""
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def base_labels(source: str) -> list[str]:
    """The broad labels, and those that a base model's directory says it was trained with (OWN_LABELS)."""
    own = Path(source) / OWN_LABELS
    return sorted({*broad_labels(), *(broad_labels(own) if own.exists() else ())})


def questions(texts: Sequence[str], labels: Sequence[str], count: int, seed: int) -> list[Document]:
    """`count` texts to replay, each with labels drawn for it, as documents without spans.

    A text comes again only after all others, and with other labels. Most are asked for about as many labels as a
    project has, so that replayed texts look like served ones, some for many. At most there are DRAWS times the texts.
    """
    random = Random(seed)
    order = [text for _ in range(DRAWS) for text in random.sample(texts, len(texts))]
    return [Document(text, _drawn(labels, random), ()) for text in order[:count]]


def found_labels(
    model: Model, texts: Sequence[str], labels: Sequence[str], threshold: float | None, told: Told = untold
) -> list[set[str]]:
    """The labels that the model finds in each text."""
    return [{span.label for span in extraction.spans} for extraction in model.extract(texts, labels, threshold, told)]


def known_labels(found: Iterable[set[str]]) -> list[str]:
    """The labels that are found in at least KNOWN_TEXTS_MIN texts, sorted."""
    count = Counter(label for here in found for label in here)
    return sorted(label for label, times in count.items() if times >= KNOWN_TEXTS_MIN)


def _drawn(labels: Sequence[str], random: Random) -> tuple[str, ...]:
    wanted = LABELS_MANY if random.random() < MANY_SHARE else random.randint(2, LABELS_MAX)
    return tuple(sorted(random.sample(labels, min(wanted, len(labels)))))
