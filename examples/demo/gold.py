"""The examples' gold annotations: as an annotator's regions, and to score predictions against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from service.labelstudio.label_config import parse
from service.model.spans import Span
from training.dataset import Document

FOLDER = Path(__file__).parent.parent
LABEL_CONFIG = (FOLDER / "medical_label_config.xml").read_text(encoding="utf-8")


def documents() -> list[Document]:
    """All example texts with their gold spans. Labels have the names of the label config."""
    labels = tuple(sorted(label for label, _ in parse(LABEL_CONFIG)[0].labels))
    with (FOLDER / "medical.jsonl").open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [
        Document(
            text=entry["text"],
            labels=labels,
            spans=tuple(Span(span["start"], span["end"], span["label"], 1.0) for span in entry["spans"]),
        )
        for entry in entries
    ]


def regions(document: Document) -> list[dict[str, Any]]:
    """The regions that an annotator submits who marks the gold spans."""
    control = parse(LABEL_CONFIG)[0]
    return [
        {
            "from_name": control.name,
            "to_name": control.to_name,
            "type": control.kind,
            "value": {
                "start": span.start,
                "end": span.end,
                "text": document.text[span.start : span.end],
                control.kind: [span.label],
            },
        }
        for span in document.spans
    ]


def spans(regions: Iterable[dict[str, Any]]) -> set[tuple[int, int, str]]:
    """The spans of stored regions as (start, end, label), end exclusive."""
    return {(r["value"]["start"], r["value"]["end"], r["value"]["labels"][0]) for r in regions}


def f1(predicted: Sequence[set[tuple[int, int, str]]], wanted: Sequence[Document], label: str = "") -> float:
    """Strict micro F1 of predicted spans, for one label or, without `label`, for all labels."""
    right = found = gold = 0
    for regions, document in zip(predicted, wanted, strict=True):
        truth = {span[:3] for span in document.spans if label in ("", span.label)}
        guess = {span for span in regions if label in ("", span[2])}
        right, found, gold = right + len(truth & guess), found + len(guess), gold + len(truth)
    return 2 * right / (found + gold) if found + gold else 0.0
