"""Extractions as Label Studio's regions and prediction items. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from service.labelstudio.controls import Control
from service.labelstudio.passages import Passage
from service.model.spans import Extraction, Span


def regions(passage: Passage, extraction: Extraction, control: Control) -> list[dict[str, Any]]:
    """The spans of one passage as regions of one control, in reading order.

    A stretch with several labels is one region where the control lets an annotator choose several, else one for each.
    """
    value_of = control.value_of
    labelled = [(span, value_of[span.label]) for span in extraction.spans]
    if not control.is_multiple:
        return [_region(passage, [one], control) for one in labelled]
    stretches = groupby(labelled, key=lambda one: one[0][:2])
    return [_region(passage, list(of_stretch), control) for _, of_stretch in stretches]


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


def by_control(context: Sequence[Any]) -> dict[str, list[Any]]:
    """The annotator's regions of each control, by its name. Anything else in the context is left out."""
    found: dict[str, list[Any]] = {}
    for region in context:
        if isinstance(region, dict) and isinstance(name := region.get("from_name"), str):
            found.setdefault(name, []).append(region)
    return found


def marked(context: Sequence[Any], control: Control, passage: Passage) -> Iterator[Span]:
    """What the annotator's regions of this control mark, one span for each label, of a region without labels one.

    Anything else in the context is passed over.
    """
    own = (region for region in context if isinstance(region, dict) and region.get("from_name") == control.name)
    values = (region.get("value") for region in own)
    wording_of = control.wording_of
    for value in (value for value in values if isinstance(value, dict)):
        if stretch := passage.offsets(value):
            labels = value.get(control.kind)
            for label in labels if isinstance(labels, list) and labels else [""]:
                yield Span(*stretch, wording_of.get(str(label), ""), 1.0)


def _region(passage: Passage, labelled: Sequence[tuple[Span, str]], control: Control) -> dict[str, Any]:
    """The region of one stretch with one label or several, the most probable first.

    Its score is that of its most doubtful label: what needs a look is not hidden behind what is sure.
    """
    start, end, _, _ = labelled[0][0]
    labels = [label for _, label in labelled]
    score = round(min(span.score for span, _ in labelled), 4)
    return {
        "id": _id(control.name, start, end, labels),
        "from_name": control.name,
        "to_name": control.to_name,
        "type": control.kind,
        "score": score,
        "value": {**passage.value(start, end), control.kind: labels, "score": score},
    }


def _id(control: str, start: int, end: int, labels: Sequence[str]) -> str:
    """An id that is unique in its task and the same whenever the same stretch is predicted again with these labels."""
    content = "\n".join([control, str(start), str(end), *sorted(labels)])
    return hashlib.sha256(content.encode()).hexdigest()[:10]
