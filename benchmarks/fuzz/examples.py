"""Requests as they should be, by route: recorded ones of Label Studio where they are there, and some of each kind."""

from __future__ import annotations

import json
from typing import Any

from tests.support.asking import TWO_CONTROLS, tasks
from tests.support.studio import LABEL_CONFIG, RECORDINGS

HTML = "<h1>Note</h1><p>Alice took <b>aspirin</b> in <i>Oslo</i>.</p><table><tr><td>Bob</td></tr></table>"
PARAGRAPHS = [{"author": "Alice", "text": "Bob met Carol in Paris."}, {"author": "Bob", "text": "In Rome."}]
HTML_CONFIG = LABEL_CONFIG.replace("<Text", "<HyperText")
PARAGRAPHS_CONFIG = """<View><ParagraphLabels name="label" toName="text"><Label value="person"/></ParagraphLabels>
<Paragraphs name="text" value="$text" nameKey="author" textKey="text"/></View>"""
PROJECT = "1.1795459342"

OWN: dict[str, list[Any]] = {
    "/predict": [
        {"tasks": tasks("Alice met Bob in Paris", "Carol works at Acme"), "label_config": LABEL_CONFIG},
        {"tasks": tasks(HTML), "label_config": HTML_CONFIG, "project": PROJECT},
        {"tasks": [{"id": 1, "data": {"text": PARAGRAPHS}}], "label_config": PARAGRAPHS_CONFIG, "params": {}},
        {"tasks": [{"id": 1, "data": {"note": "Alice", "title": "Oslo"}}], "label_config": TWO_CONTROLS},
    ],
    "/setup": [{"project": PROJECT, "schema": LABEL_CONFIG, "extra_params": '{"thresholds": {"person": 0.3}}'}],
    "/model_version": [{"project": PROJECT, "schema": TWO_CONTROLS}],
    "/webhook": [{"action": "ANNOTATION_CREATED", "project": {"id": 1}}, {"action": "START_TRAINING"}],
    "/train": [{"action": "START_TRAINING", "project": {"id": 1, "min_annotations_to_start_training": 3}}],
    "/job_status": [{"job": "run-0123456789"}],
    "/extract": [
        {"questions": [[["Alice met Bob in Paris"], ["person", "city"]]], "threshold": 0.5},
        {"questions": [[["Carol"], ["person"], {"person": 0.2}, "nested"]], "threshold": 0.5, "by_version": True},
    ],
}
"""Bodies by route."""


def bodies() -> dict[str, list[Any]]:
    """The bodies of examples, by route."""
    found = {route: [*some] for route, some in OWN.items()}
    for path in sorted(RECORDINGS.glob("*.json")) if RECORDINGS.is_dir() else ():
        recorded = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(recorded, dict) and recorded.get("body") is not None:
            found.setdefault(recorded["path"], []).append(recorded["body"])
    return found
