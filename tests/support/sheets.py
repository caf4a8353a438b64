"""Sheets for the judge: texts of four words, each annotated with one label, and models that are right so often."""

from __future__ import annotations

from random import Random

from training.judge.sheet import Judged, Sheet

LABELS = ("Disease", "Drug", "Organ")
SPANS = 4


def gold(texts, labels=LABELS, seed=0):
    """The annotated spans of so many texts."""
    draw = Random(seed)
    return [tuple((10 * n, 10 * n + 5, draw.choice(labels)) for n in range(SPANS)) for _ in range(texts)]


def knowing(annotated, share, seed=1):
    """What a model finds that knows this share of the spans, and nothing else."""
    draw = Random(seed)
    return [tuple(span for span in spans if draw.random() < share) for spans in annotated]


def sheet(annotated, earlier=0, labels=LABELS, **answers):
    """A sheet of these annotations, of which the first were there when the live version learnt."""
    documents = tuple(Judged(f"{n:012x}", spans, n < earlier) for n, spans in enumerate(annotated))
    return Sheet(labels, documents, {model: tuple(found) for model, found in answers.items()})
