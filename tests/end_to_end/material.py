"""Annotated texts in the tiny model's own vocabulary, with label names that it does not know."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support import tiny

from .studio import Studio, marked

LABELS = {"person": "human", "company": "firm", "city": "place"}

CONFIG = """<View>
  <Labels name="label" toName="text">
    <Label value="human" background="#1f77b4"/>
    <Label value="firm" background="#2ca02c"/>
    <Label value="place" background="#d62728"/>
  </Labels>
  <Text name="text" value="$text"/>
</View>"""

QUICK = {
    "steps": 60,
    "batch_size": 16,
    "encoder_rate": 0.003,
    "head_rate": 0.003,
    "forgetting_limit": 1,
    "cross_validated_texts": 100,
    "curve": False,
    "retrain_quiet": 1,
}
"""Settings with which a run takes seconds, and the tiny model learns the label names of `CONFIG`."""


def sentences(count: int, seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Different texts, each with its names and their labels. No name occurs twice in a text."""
    rng = random.Random(seed)
    made: dict[str, list[tuple[str, str]]] = {}
    while len(made) < count:
        words, spans = tiny.sentence(rng)
        found = [(" ".join(words[first : last + 1]), LABELS[label]) for first, last, label in spans]
        text = " ".join(words)
        if all(text.count(name) == 1 for name, _ in found):
            made[text] = found
    return made


def annotate(studio: Studio, project: int, gold: Mapping[str, Sequence[tuple[str, str]]]) -> dict[int, int]:
    """Submit an annotation for each task that has none. Returns the annotations' ids by task."""
    made = {}
    for task in studio.tasks(project):
        text = task["data"]["text"]
        if text in gold and not task["annotations"]:
            made[task["id"]] = studio.annotate(task["id"], marked(text, *gold[text]))
    return made


def regions_by_text(studio: Studio, project: int, version: str) -> dict[str, list[dict[str, Any]]]:
    """The regions that a version predicted, by text."""
    return {
        task["data"]["text"]: prediction["result"]
        for task in studio.tasks(project)
        for prediction in task["predictions"]
        if prediction["model_version"] == version
    }
