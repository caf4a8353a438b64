"""Extractions as Label Studio's regions and prediction items. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from service.labelstudio.controls import Control
from service.labelstudio.passages import Passage
from service.model.spans import Extraction, Span


def regions(passage: Passage, extraction: Extraction, control: Control) -> list[dict[str, Any]]:
    """The spans of one passage as regions of one control, in reading order."""
    value_of = control.value_of
    return [_region(passage, span, control, value_of[span.label]) for span in extraction.spans]


def item(regions: Sequence[dict[str, Any]], score: float, version: str) -> dict[str, Any]:
    """One prediction. `score` is the certainty in [0, 1]: sorted upwards, what most needs a person comes first."""
    return {"result": list(regions), "score": round(score, 4), "model_version": version}


def unread_item(reason: str, version: str, is_lasting: bool) -> dict[str, Any]:
    """What stands for a prediction of a task that was not read.

    Label Studio passes over an item without a result: it stores nothing, and asks for the task again. Of a task that
    stays unread as it is, an empty prediction is stored: its score of 0 puts the task in front of all others, and it
    is not asked for again.
    """
    stored: dict[str, Any] = {"result": []} if is_lasting else {}
    return {**stored, "error": reason, "score": 0.0, "model_version": version}


def without_taken(spans: Iterable[Span], taken: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """The spans that overlap none of the stretches that an annotator has already marked."""
    return tuple(s for s in spans if all(s.end <= start or end <= s.start for start, end in taken))


def taken(context: Sequence[Any], control: Control, passage: Passage) -> list[tuple[int, int]]:
    """The stretches that the annotator's regions of this control cover; anything else in the context is passed over."""
    own = (region for region in context if isinstance(region, dict) and region.get("from_name") == control.name)
    values = (region.get("value") for region in own)
    stretches = (passage.offsets(value) for value in values if isinstance(value, dict))
    return [stretch for stretch in stretches if stretch]


def _region(passage: Passage, span: Span, control: Control, label: str) -> dict[str, Any]:
    score = round(span.score, 4)
    return {
        "id": _id(control.name, span, label),
        "from_name": control.name,
        "to_name": control.to_name,
        "type": control.kind,
        "score": score,
        "value": {**passage.value(span.start, span.end), control.kind: [label], "score": score},
    }


def _id(control: str, span: Span, label: str) -> str:
    """An id that is unique in its task and the same whenever the same span is predicted again."""
    return hashlib.sha256(f"{control}\n{span.start}\n{span.end}\n{label}".encode()).hexdigest()[:10]
