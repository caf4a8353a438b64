"""Annotated data sets: files with one JSON object {"text", "spans": [{"start", "end", "label"}]} a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from service.labelstudio.wordings import in_words
from service.model.spans import Span
from training.dataset import Document


def read(*paths: Path) -> list[Document]:
    """The documents of the files of one data set. Each is asked for all labels of these files, in words."""
    entries = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    labels = tuple(sorted({in_words(span["label"]) for entry in entries for span in entry["spans"]}))
    return [
        Document(e["text"], labels, tuple(Span(s["start"], s["end"], in_words(s["label"]), 1.0) for s in e["spans"]))
        for e in entries
    ]


def sample(documents: Sequence[Document], most: int) -> list[Document]:
    """At most `most` documents: always the same random ones."""
    return Random(0).sample(documents, min(most, len(documents)))


def divided(
    train: Sequence[Path], test: Sequence[Path], folds: int, fold: int
) -> tuple[list[Document], list[Document]]:
    """What is learnt from and what is tested on.

    With folds: the documents of all files are shuffled and dealt out to the folds; `fold` is tested on and the others
    are learnt from. Without (`folds` is 0): the files say it.
    """
    documents = read(*train, *test)  # together, so that both parts have the same labels
    if not folds:
        count = len(read(*train))
        return documents[:count], documents[count:]
    Random(0).shuffle(documents)
    return [one for place, one in enumerate(documents) if place % folds != fold], documents[fold::folds]


def name(path: Path) -> str:
    """A file's name in tables, with the name of its data set."""
    return f"{path.parent.name}/{path.stem}"
